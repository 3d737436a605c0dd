"""Stage lora@RANK: LoRA at one rank, all seeds and learning rates.

Stage lora_block@RANK-BLOCK: those of a further block of seeds.

Reads data/prepared/. Writes metrics/runs/lora-r{rank}.json,
metrics/logits/lora-r{rank}.safetensors, data/adapters/r{rank}/s{seed}/ in PEFT's format, and, for
nobody to depend on, metrics/machine/lora-r{rank}.json. A further block of seeds reads the learning
rate that the first one picked; writes metrics/blocks/runs/lora-r{rank}-b{block}.json and the like,
and no adapters.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from study.arms.block import Place
from study.arms.rank import train_rank
from study.entry import command
from study.entry.sections import load
from study.records import prepared
from study.settings.lora import LORA
from study.settings.model import MODEL
from study.settings.ray import RAY
from study.settings.seeds import SEEDS
from study.settings.train import TRAIN
from study.training.machine import Machine


def main() -> None:
    """Train the rank and the block that the command line names."""
    parser = argparse.ArgumentParser(description="Train LoRA at one rank.")
    parser.add_argument("--rank", type=int, required=True)
    parser.add_argument("--block", type=int, default=0, help="of seeds; 0: the first")
    asked = parser.parse_args()
    machine = Machine()
    place = Place(f"lora-r{asked.rank}", asked.block)
    chosen = place.chosen(load(SEEDS, MODEL, TRAIN, RAY, LORA), "lora")
    data = prepared.load("data/prepared")
    trained = train_rank(chosen, data, asked.rank, place.name)
    if not asked.block:
        trained.save_adapters(Path(f"data/adapters/r{asked.rank}"))
    place.write(trained.record, trained.picked, data, machine, chosen.train)
    trained.checkpoints.discard()


if __name__ == "__main__":
    command.run(main)
