"""Stage full: full fine-tuning, every seed and learning rate.

Reads data/prepared/. Writes metrics/runs/full.json, metrics/logits/full.safetensors, the tuned
models as data/full/s{seed}/, and, for nobody to depend on, metrics/machine/full.json.
"""

from __future__ import annotations

from pathlib import Path

from stages import cli
from study import arms, executors, full_arm, prepared, settings
from study.checkpoints import Checkpoints
from study.environment import Machine
from study.full_arm import FullArm
from study.logits import write_logits
from study.records import write_json


def main() -> None:
    """Train the whole model."""
    machine = Machine()
    chosen = settings.load()
    data = prepared.load("data/prepared")
    executor = executors.choose(chosen)
    arm = FullArm(chosen, data)
    size = full_arm.size(arm.model)  # before training trims it
    rates = chosen.full.learning_rates
    groups = arms.plan("full", None, rates, chosen.seeds, 1)
    decisive = (chosen.model.name, chosen.model.dropout, chosen.train.decisive())
    checkpoints = Checkpoints("full", decisive, data)
    results = arms.train_groups("full", groups, arm, checkpoints, executor)
    record = arms.record(results, data, size, rates)
    picked = arms.picked(results, record)
    full_arm.save_tuned(arm, picked, Path("data/full"))
    write_logits("metrics/logits/full.safetensors", picked, data)
    write_json("metrics/runs/full.json", record.to_json())
    machine.write("metrics/machine/full.json", chosen.train, executor=chosen.train.executor)
    checkpoints.discard()


if __name__ == "__main__":
    cli.run(main)
