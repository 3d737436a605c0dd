"""Stage method@NAME of methods/: a method that is not LoRA.

Reads data/prepared/. Writes methods/metrics/runs/{name}.json, data/methods/{name}/s{seed}/ with
what was trained, and, for nobody to depend on, methods/metrics/machine/{name}.json. Where the
method has no place in the model, the record says why, and nothing is trained.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from stages import cli
from study import prepared, settings
from study.environment import Machine
from study.methods.method import NotApplicable, left_out
from study.methods.trained import train_named
from study.records import write_json


def main() -> None:
    """Train the method that the command line names."""
    parser = argparse.ArgumentParser(description="Train a method that is not LoRA.")
    parser.add_argument("--name", choices=settings.OTHER_METHODS, required=True)
    name = parser.parse_args().name
    machine = Machine()
    chosen = settings.load()
    folder, record = Path("data/methods") / name, f"methods/metrics/runs/{name}.json"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        trained = train_named(chosen, prepared.load("data/prepared"), name)
    except NotApplicable as reason:
        left_out(record, name, reason)
    else:
        trained.save(folder)
        write_json(record, trained.record.to_json())
        trained.checkpoints.discard()
    executor = chosen.train.executor
    machine.write(f"methods/metrics/machine/{name}.json", chosen.train, executor=executor)


if __name__ == "__main__":
    cli.run(main)
