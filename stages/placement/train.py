"""Stage train@NAME-RANK of placement/: LoRA in one placement at one rank.

Reads data/prepared/. Writes placement/metrics/runs/{name}-r{rank}.json,
placement/metrics/logits/{name}-r{rank}.safetensors and, for nobody to depend on,
placement/metrics/machine/{name}-r{rank}.json. Where the model has no such place, or the main
study's own LoRA is there, the record says so, and nothing is trained.
"""

from __future__ import annotations

import argparse

from study.arms.logits_file import write_logits
from study.entry import command
from study.entry.sections import load
from study.records import prepared
from study.records.json_file import write_json
from study.settings.lora import LORA
from study.settings.model import MODEL
from study.settings.ray import RAY
from study.settings.seeds import SEEDS
from study.settings.train import TRAIN
from study.studies.placement.settings import PLACEMENT, PLACEMENTS
from study.studies.placement.training.train import train_cell
from study.training.machine import Machine


def main() -> None:
    """Train the placement and the rank that the command line names."""
    parser = argparse.ArgumentParser(description="Train LoRA in one placement at one rank.")
    parser.add_argument("--name", choices=PLACEMENTS, required=True)
    parser.add_argument("--rank", type=int, required=True)
    asked = parser.parse_args()
    machine = Machine()
    chosen = load(SEEDS, MODEL, TRAIN, RAY, LORA, PLACEMENT)
    data = prepared.load("data/prepared")
    trained = train_cell(chosen, data, asked.name, asked.rank)
    cell = f"{asked.name}-r{asked.rank}"
    if "reason" in trained.value:
        print(f"{asked.name} at rank {asked.rank}: not trained: {trained.value['reason']}")
    write_logits(f"placement/metrics/logits/{cell}.safetensors", trained.picked, data)
    write_json(f"placement/metrics/runs/{cell}.json", trained.value)
    executor = chosen.train.executor
    machine.write(f"placement/metrics/machine/{cell}.json", chosen.train, executor=executor)
    if trained.checkpoints is not None:
        trained.checkpoints.discard()


if __name__ == "__main__":
    command.run(main)
