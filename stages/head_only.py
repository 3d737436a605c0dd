"""Stage head_only: the encoder frozen, heads of all seeds and learning rates trained together.

Reads data/prepared/. Writes metrics/runs/head_only.json, metrics/logits/head_only.safetensors,
data/head_only/s{seed}.safetensors (the heads) and, for nobody to depend on,
metrics/machine/head_only.json.
"""

from __future__ import annotations

from pathlib import Path

from study.arms import arm as arms
from study.arms import head_only
from study.arms.head_only import HeadOnlyArm
from study.arms.logits_file import write_logits
from study.arms.saved_heads import save_heads
from study.entry import command
from study.entry.sections import load
from study.records import prepared
from study.records.json_file import write_json
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
    machine = Machine()
    chosen = load(SEEDS, MODEL, TRAIN, RAY, HEAD_ONLY)
    data = prepared.load("data/prepared")
    executor = executors.choose(chosen)
    arm = HeadOnlyArm(chosen, data)
    size = head_only.size(arm.model)
    epochs, rates = chosen.head_only.epochs, chosen.head_only.learning_rates
    decisive = (chosen.model.name, chosen.model.dropout, chosen.train.decisive(), epochs)
    checkpoints = Checkpoints("head_only", decisive, data)
    together = [r for g in arms.plan("head_only", None, rates, chosen.seeds, 1) for r in g]
    results = arms.train_groups("head only", [together], arm, checkpoints, executor)
    record = arms.record(results, data, size)
    picked = arms.picked(results, record)
    save_heads(picked, Path("data/head_only"))
    write_logits("metrics/logits/head_only.safetensors", picked, data)
    write_json("metrics/runs/head_only.json", record.to_json())
    machine.write("metrics/machine/head_only.json", chosen.train, executor=chosen.train.executor)
    checkpoints.discard()


if __name__ == "__main__":
    command.run(main)
