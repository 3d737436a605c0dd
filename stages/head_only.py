"""Stage head_only: the encoder frozen, heads of all seeds and learning rates trained together.

Stage head_only_block@BLOCK: those of a further block of seeds.

Reads data/prepared/. Writes metrics/runs/head_only.json, metrics/logits/head_only.safetensors,
data/head_only/s{seed}.safetensors (the heads) and, for nobody to depend on,
metrics/machine/head_only.json. A further block reads the learning rate that the first one picked;
writes metrics/blocks/runs/head_only-b{block}.json and the like, and no heads.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from study.arms import arm as arms
from study.arms import head_only
from study.arms.block import Place
from study.arms.head_only import HeadOnlyArm
from study.arms.saved_heads import save_heads
from study.entry import command
from study.entry.sections import load
from study.records import prepared
from study.settings.head_only import HEAD_ONLY
from study.settings.model import MODEL
from study.settings.ray import RAY
from study.settings.seeds import SEEDS
from study.settings.train import TRAIN
from study.training import executors
from study.training.checkpoints import Checkpoints
from study.training.machine import Machine


def main() -> None:
    """Train the heads."""
    parser = argparse.ArgumentParser(description="Train the heads alone.")
    parser.add_argument("--block", type=int, default=0, help="of seeds; 0: the first")
    machine = Machine()
    place = Place("head_only", parser.parse_args().block)
    chosen = place.chosen(load(SEEDS, MODEL, TRAIN, RAY, HEAD_ONLY), "head_only")
    data = prepared.load("data/prepared")
    executor = executors.choose(chosen)
    arm = HeadOnlyArm(chosen, data)
    size = head_only.size(arm.model)
    epochs, rates = chosen.head_only.epochs, chosen.head_only.learning_rates
    decisive = (chosen.model.name, chosen.model.dropout, chosen.train.decisive(), epochs)
    checkpoints = Checkpoints(place.name, decisive, data)
    together = [r for g in arms.plan("head_only", None, rates, chosen.seeds, 1) for r in g]
    results = arms.train_groups("head only", [together], arm, checkpoints, executor)
    record = arms.record(results, data, size)
    picked = arms.picked(results, record)
    if not place.block:
        save_heads(picked, Path("data/head_only"))
    place.write(record, picked, data, machine, chosen.train)
    checkpoints.discard()


if __name__ == "__main__":
    command.run(main)
