"""Stage head_only: the encoder frozen, heads of all seeds and learning rates trained together.

Reads data/prepared/. Writes metrics/runs/head_only.json, metrics/logits/head_only.safetensors,
data/head_only/s{seed}.safetensors (the heads) and, for nobody to depend on,
metrics/machine/head_only.json.
"""

from __future__ import annotations

from pathlib import Path

from stages import cli
from study import arms, executors, head_only_arm, prepared, settings
from study.checkpoints import Checkpoints
from study.environment import Machine
from study.head_only_arm import HeadOnlyArm
from study.heads import save_heads
from study.logits import write_logits
from study.records import write_json


def main() -> None:
    """Train the heads."""
    machine = Machine()
    chosen = settings.load()
    data = prepared.load("data/prepared")
    executor = executors.choose(chosen)
    arm = HeadOnlyArm(chosen, data)
    size = head_only_arm.size(arm.model)
    epochs, rates = chosen.head_only.epochs, chosen.head_only.learning_rates
    decisive = (chosen.model.name, chosen.model.dropout, chosen.train.decisive(), epochs)
    checkpoints = Checkpoints("head_only", decisive, data)
    together = [r for g in arms.plan("head_only", None, rates, chosen.seeds, 1) for r in g]
    results = arms.train_groups("head only", [together], arm, checkpoints, executor)
    record = arms.record(results, data, size, rates)
    picked = arms.picked(results, record)
    save_heads(picked, Path("data/head_only"))
    write_logits("metrics/logits/head_only.safetensors", picked, data)
    write_json("metrics/runs/head_only.json", record.to_json())
    machine.write("metrics/machine/head_only.json", chosen.train, executor=chosen.train.executor)
    checkpoints.discard()


if __name__ == "__main__":
    cli.run(main)
