"""Stage head_only: the encoder frozen, heads of all seeds and learning rates trained together.

Reads data/prepared/. Writes metrics/runs/head_only.json and, for nobody to depend on,
metrics/machine/head_only.json.
"""

from __future__ import annotations

from collections.abc import Sequence

from stages import cli
from study import arms, head_only_arm, prepared, settings
from study.checkpoints import Checkpoints
from study.environment import Machine, compute_dtype, device
from study.models import load_pretrained
from study.progress import Progress
from study.records import write_json
from study.training import Run, RunResult


def main() -> None:
    """Train the heads."""
    machine = Machine()
    chosen = settings.load()
    data = prepared.load("data/prepared")
    used = device(chosen.train)
    dtype = compute_dtype(chosen.train)
    model = load_pretrained(
        chosen.model.name, data.num_labels, dtype, chosen.model.dropout, data.max_length
    )
    size = head_only_arm.size(model)
    feed = head_only_arm.features(model, data, chosen.train, used)
    epochs, rates = chosen.head_only.epochs, chosen.head_only.learning_rates
    decisive = (chosen.model.name, chosen.model.dropout, chosen.train, epochs)
    checkpoints = Checkpoints("head_only", decisive, data)

    def train_group(runs: Sequence[Run], progress: Progress) -> list[RunResult]:
        return head_only_arm.train_head_only(
            model, runs, feed, chosen.train, epochs, used, progress
        )

    together = [r for g in arms.plan("head_only", None, rates, chosen.seeds, 1) for r in g]
    results = arms.train_groups("head only", [together], train_group, checkpoints)
    record = arms.record(results, data, size, rates)
    write_json("metrics/runs/head_only.json", record.to_json())
    machine.write("metrics/machine/head_only.json", chosen.train)
    checkpoints.discard()


if __name__ == "__main__":
    cli.run(main)
