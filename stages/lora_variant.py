"""Stage lora_variant@NAME of methods/: LoRA, or LoRA with one thing changed.

Reads data/prepared/. Writes methods/metrics/runs/{name}.json, data/methods/{name}/s{seed}/ in
PEFT's format, and, for nobody to depend on, methods/metrics/machine/{name}.json. Where the variant
has no place in the model, the record says why, and nothing is trained.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from stages import cli
from study import prepared, settings
from study.environment import Machine
from study.methods.method import NotApplicable, left_out
from study.methods.variants import train_variant
from study.records import write_json


def main() -> None:
    """Train the variant that the command line names."""
    parser = argparse.ArgumentParser(description="Train LoRA, or a variant of it.")
    parser.add_argument("--name", choices=settings.LORA_VARIANTS, required=True)
    name = parser.parse_args().name
    machine = Machine()
    chosen = settings.load()
    folder, record = Path("data/methods") / name, f"methods/metrics/runs/{name}.json"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        trained = train_variant(chosen, prepared.load("data/prepared"), name)
    except NotApplicable as reason:
        left_out(record, name, reason)
    else:
        trained.save_adapters(folder)
        write_json(record, trained.record.to_json())
        trained.checkpoints.discard()
    executor = chosen.train.executor
    machine.write(f"methods/metrics/machine/{name}.json", chosen.train, executor=executor)


if __name__ == "__main__":
    cli.run(main)
