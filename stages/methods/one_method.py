"""What the two stages that train a method have in common: their arguments, and what they write."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from study.entry.sections import Section, load
from study.records import prepared
from study.records.json_file import write_json
from study.records.prepared import Prepared
from study.records.runs import ArmRecord
from study.studies.methods.training.method import NotApplicable
from study.training.checkpoints import Checkpoints
from study.training.machine import Machine


class Trained(Protocol):
    """What training a method gave."""

    @property
    def record(self) -> ArmRecord:
        """Of all runs."""

    @property
    def checkpoints(self) -> Checkpoints:
        """To be discarded once the results are written."""

    def save(self, folder: Path) -> None:
        """Write what each seed trained, under s{seed}/."""


def train_and_write(
    names: Sequence[str],
    train: Callable[[Any, Prepared, str], Trained],
    sections: Sequence[Section],
) -> None:
    """Train the method that the command line names; write its record and what was trained.

    Args:
        sections: of the settings, that training reads.
    """
    parser = argparse.ArgumentParser(description="Train one method of the comparison.")
    parser.add_argument("--name", choices=names, required=True)
    name = parser.parse_args().name
    machine = Machine()
    chosen = load(*sections)
    folder, record = Path("data/methods") / name, f"methods/metrics/runs/{name}.json"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        trained = train(chosen, prepared.load("data/prepared"), name)
    except NotApplicable as reason:
        print(f"{name}: not trained: {reason}")
        write_json(record, {"arm": name, "reason": str(reason)})
    else:
        trained.save(folder)
        write_json(record, trained.record.to_json())
        trained.checkpoints.discard()
    executor = chosen.train.executor
    machine.write(f"methods/metrics/machine/{name}.json", chosen.train, executor=executor)
