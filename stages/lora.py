"""Stage lora@RANK: LoRA at one rank, all seeds and learning rates.

Reads data/prepared/. Writes metrics/runs/lora-r{rank}.json,
metrics/logits/lora-r{rank}.safetensors, data/adapters/r{rank}/s{seed}/ in PEFT's format, and, for
nobody to depend on, metrics/machine/lora-r{rank}.json.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from study.arms.logits_file import write_logits
from study.arms.rank import train_rank
from study.entry import command
from study.entry.sections import load
from study.records import prepared
from study.records.json_file import write_json
from study.settings.lora import LORA
from study.settings.model import MODEL
from study.settings.ray import RAY
from study.settings.seeds import SEEDS
from study.settings.train import TRAIN
from study.training.machine import Machine


def main() -> None:
    """Train the rank that the command line names."""
    parser = argparse.ArgumentParser(description="Train LoRA at one rank.")
    parser.add_argument("--rank", type=int, required=True)
    rank = parser.parse_args().rank
    machine = Machine()
    chosen = load(SEEDS, MODEL, TRAIN, RAY, LORA)
    data = prepared.load("data/prepared")
    name = f"lora-r{rank}"
    trained = train_rank(chosen, data, rank, name)
    trained.save_adapters(Path(f"data/adapters/r{rank}"))
    write_logits(f"metrics/logits/{name}.safetensors", trained.picked, data)
    write_json(f"metrics/runs/{name}.json", trained.record.to_json())
    machine.write(f"metrics/machine/{name}.json", chosen.train, executor=chosen.train.executor)
    trained.checkpoints.discard()


if __name__ == "__main__":
    command.run(main)
