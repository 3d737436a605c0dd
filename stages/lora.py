"""Stage lora@RANK: LoRA at one rank, all seeds and learning rates.

Reads data/prepared/. Writes metrics/runs/lora-r{rank}.json,
metrics/logits/lora-r{rank}.safetensors, data/adapters/r{rank}/s{seed}/ in PEFT's format, and, for
nobody to depend on, metrics/machine/lora-r{rank}.json.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from stages import cli
from study import prepared, settings
from study.environment import Machine
from study.logits import write_logits
from study.rank import train_rank
from study.records import write_json


def main() -> None:
    """Train the rank that the command line names."""
    parser = argparse.ArgumentParser(description="Train LoRA at one rank.")
    parser.add_argument("--rank", type=int, required=True)
    rank = parser.parse_args().rank
    machine = Machine()
    chosen = settings.load()
    data = prepared.load("data/prepared")
    name = f"lora-r{rank}"
    trained = train_rank(chosen, data, rank, name)
    trained.save_adapters(Path(f"data/adapters/r{rank}"))
    write_logits(f"metrics/logits/{name}.safetensors", trained.picked, data)
    write_json(f"metrics/runs/{name}.json", trained.record.to_json())
    machine.write(f"metrics/machine/{name}.json", chosen.train, executor=chosen.train.executor)
    trained.checkpoints.discard()


if __name__ == "__main__":
    cli.run(main)
