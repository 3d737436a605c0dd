"""What training runs scored and how they got there: the record that every arm leaves.

A record is a pure function of the settings and the data: it holds no timing, date or host name, so
that a stage whose results did not change stops DVC from rerunning what stands after it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from study.entry.errors import StudyError
from study.records.json_file import read_json


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Validation at the end of one epoch (epoch 0: before the first step)."""

    epoch: int
    step: int
    accuracy: float
    loss: float


@dataclasses.dataclass(frozen=True)
class RunRecord:
    """One training run: what it scored, and how it got there.

    Attributes:
        test_predictions: the predicted class of every test sentence at `best_epoch`.
        loss_steps, loss_values: mean training loss of the steps since the point before.
    """

    seed: int
    learning_rate: float
    best_epoch: int
    validation_accuracy: float
    test_accuracy: float
    test_predictions: tuple[int, ...]
    loss_steps: tuple[int, ...]
    loss_values: tuple[float, ...]
    validation: tuple[Evaluation, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the run as it stands in the file."""
        return {
            "seed": self.seed,
            "learning_rate": self.learning_rate,
            "best_epoch": self.best_epoch,
            "validation_accuracy": self.validation_accuracy,
            "test_accuracy": self.test_accuracy,
            "test_predictions": list(self.test_predictions),
            "loss": {"step": list(self.loss_steps), "value": list(self.loss_values)},
            "validation": [dataclasses.asdict(point) for point in self.validation],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> RunRecord:
        """Build a run from its part of the file."""
        return cls(
            seed=value["seed"],
            learning_rate=value["learning_rate"],
            best_epoch=value["best_epoch"],
            validation_accuracy=value["validation_accuracy"],
            test_accuracy=value["test_accuracy"],
            test_predictions=tuple(value["test_predictions"]),
            loss_steps=tuple(value["loss"]["step"]),
            loss_values=tuple(value["loss"]["value"]),
            validation=tuple(Evaluation(**point) for point in value["validation"]),
        )


@dataclasses.dataclass(frozen=True)
class ArmRecord:
    """All runs of one arm: head-only, full fine-tuning, or LoRA at one rank.

    Attributes:
        rank: LoRA's rank, None in the other arms.
        learning_rates: every rate that was tried.
        learning_rate: the one that validation picked, on the mean over seeds.
        total_parameters: base model and head, without the adapter.
        test_labels: the true class of every test sentence.
        runs: every learning rate and seed.
    """

    arm: str
    rank: int | None
    learning_rates: tuple[float, ...]
    learning_rate: float
    trainable_parameters: int
    head_parameters: int
    adapter_parameters: int
    total_parameters: int
    label_names: tuple[str, ...]
    test_labels: tuple[int, ...]
    runs: tuple[RunRecord, ...]

    def picked(self) -> tuple[RunRecord, ...]:
        """Return the runs at the picked learning rate, in order of seed."""
        runs = [run for run in self.runs if run.learning_rate == self.learning_rate]
        return tuple(sorted(runs, key=lambda run: run.seed))

    def to_json(self) -> dict[str, Any]:
        """Return the arm as it stands in the file."""
        value = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        value = {key: list(v) if isinstance(v, tuple) else v for key, v in value.items()}
        return value | {"runs": [run.to_json() for run in self.runs]}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ArmRecord:
        """Build an arm from the parsed file."""
        fields: dict[str, Any] = {
            key: tuple(v) if isinstance(v, list) else v for key, v in value.items()
        }
        return cls(**(fields | {"runs": tuple(RunRecord.from_json(r) for r in value["runs"])}))


def read_arm(path: str | Path) -> ArmRecord:
    """Read an arm's file.

    Raises:
        StudyError: the file is missing or is no such record; it is named.
    """
    value = read_json(path)
    try:
        return ArmRecord.from_json(value)
    except (KeyError, TypeError, AttributeError) as error:
        raise StudyError(f"{path}: not a record of an arm's runs ({error!r})") from error
