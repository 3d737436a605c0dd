"""Stage full: full fine-tuning, every seed and learning rate.

Reads data/prepared/. Writes metrics/runs/full.json, metrics/logits/full.safetensors, the tuned
models as data/full/s{seed}/, and, for nobody to depend on, metrics/machine/full.json.
"""

from __future__ import annotations

from pathlib import Path

from study.arms import arm as arms
from study.arms import full
from study.arms.full import FullArm
from study.arms.logits_file import write_logits
from study.arms.rates import full_rates
from study.entry import command
from study.entry.sections import load
from study.records import prepared
from study.records.json_file import write_json
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
    machine = Machine()
    chosen = load(SEEDS, MODEL, TRAIN, RAY, FULL)
    data = prepared.load("data/prepared")
    executor = executors.choose(chosen)
    arm = FullArm(chosen, data)
    size = full.size(arm.model)  # before training trims it
    rates = full_rates(chosen.full.learning_rates, arm.model.config)
    groups = arms.plan("full", None, rates, chosen.seeds, 1)
    decisive = (chosen.model.name, chosen.model.dropout, chosen.train.decisive())
    checkpoints = Checkpoints("full", decisive, data)
    results = arms.train_groups("full", groups, arm, checkpoints, executor)
    record = arms.record(results, data, size)
    picked = arms.picked(results, record)
    full.save_tuned(arm, picked, Path("data/full"))
    write_logits("metrics/logits/full.safetensors", picked, data)
    write_json("metrics/runs/full.json", record.to_json())
    machine.write("metrics/machine/full.json", chosen.train, executor=chosen.train.executor)
    checkpoints.discard()


if __name__ == "__main__":
    command.run(main)
