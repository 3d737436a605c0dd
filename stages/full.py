"""Stage full: full fine-tuning, every seed and learning rate.

Stage full_block@BLOCK: those of a further block of seeds.

Reads data/prepared/. Writes metrics/runs/full.json, metrics/logits/full.safetensors, the tuned
models as data/full/s{seed}/, and, for nobody to depend on, metrics/machine/full.json. A further
block of seeds reads the learning rate that the first one picked; writes
metrics/blocks/runs/full-b{block}.json and the like, and no models.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from study.arms import arm as arms
from study.arms import early_exit, full
from study.arms.block import Place
from study.arms.full import FullArm
from study.arms.rates import full_rates
from study.entry import command
from study.entry.sections import load
from study.records import prepared
from study.settings.full import FULL
from study.settings.model import MODEL
from study.settings.ray import RAY
from study.settings.seeds import SEEDS
from study.settings.train import TRAIN
from study.training import executors
from study.training.checkpoints import Checkpoints
from study.training.machine import Machine


def main() -> None:
    """Train the whole model."""
    parser = argparse.ArgumentParser(description="Train every parameter.")
    parser.add_argument("--block", type=int, default=0, help="of seeds; 0: the first")
    machine = Machine()
    place = Place("full", parser.parse_args().block)
    chosen = place.chosen(load(SEEDS, MODEL, TRAIN, RAY, FULL), "full")
    data = prepared.load("data/prepared")
    executor = executors.choose(chosen)
    arm = FullArm(chosen, data)
    size = full.size(arm.model)  # before training trims it
    rates = full_rates(chosen.full.learning_rates, arm.model.config)
    groups = arms.plan("full", None, rates, chosen.seeds, 1)
    decisive = (chosen.model.name, chosen.model.dropout, chosen.train.decisive())
    checkpoints = Checkpoints(place.name, decisive, data)
    rung = early_exit.of(chosen.train, data)
    results = arms.train_groups("full", groups, arm, checkpoints, executor, rung)
    record = arms.record(results, data, size, rung)
    picked = arms.picked(results, record)
    if not place.block:
        full.save_tuned(arm, picked, Path("data/full"))
    place.write(record, picked, data, machine, chosen.train)
    checkpoints.discard()


if __name__ == "__main__":
    command.run(main)
