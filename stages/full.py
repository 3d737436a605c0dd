"""Stage full: full fine-tuning, every seed and learning rate.

Reads data/prepared/. Writes metrics/runs/full.json and, for nobody to depend on,
metrics/machine/full.json.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from stages import cli
from study import arms, full_arm, prepared, settings
from study.checkpoints import Checkpoints
from study.environment import Machine, device
from study.models import load_pretrained
from study.progress import Progress
from study.records import write_json
from study.training import Run, RunResult


def main() -> None:
    """Train the whole model."""
    machine = Machine()
    chosen = settings.load()
    data = prepared.load("data/prepared")
    used = device(chosen.train)
    model = load_pretrained(
        chosen.model.name, data.num_labels, torch.float32, chosen.model.dropout, data.max_length
    )
    size = full_arm.size(model)
    trimmed = full_arm.trim_embedding(model, data)
    rates = chosen.full.learning_rates
    groups = arms.plan("full", None, rates, chosen.seeds, 1)
    checkpoints = Checkpoints("full", (chosen.model.name, chosen.model.dropout, chosen.train), data)

    def train_group(runs: Sequence[Run], progress: Progress) -> list[RunResult]:
        return full_arm.train_full(model, runs, trimmed, chosen.train, used, progress)

    results = arms.train_groups("full", groups, train_group, checkpoints)
    record = arms.record(results, data, size, rates)
    write_json("metrics/runs/full.json", record.to_json())
    machine.write("metrics/machine/full.json", chosen.train)
    checkpoints.discard()


if __name__ == "__main__":
    cli.run(main)
