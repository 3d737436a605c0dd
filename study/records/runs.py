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
from study.metrics.measure import ACCURACY, measure_named
from study.records.early_exit import EarlyExit
from study.records.json_file import read_json
from study.records.kinds import (
    answers_of,
    count,
    counts,
    names,
    numbers,
    positive,
    positives,
    score,
    wrong,
)


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Validation at the end of one epoch (epoch 0: before the first step).

    Attributes:
        score: by the study's metric.
    """

    epoch: int
    step: int
    score: float
    loss: float

    def to_json(self, metric: str = ACCURACY) -> dict[str, Any]:
        """Return the point as it stands in a file, its score by the metric's name."""
        return {"epoch": self.epoch, "step": self.step, metric: self.score, "loss": self.loss}

    @classmethod
    def from_json(cls, value: Mapping[str, Any], metric: str = ACCURACY) -> Evaluation:
        """Build a point from its part of a file."""
        return cls(value["epoch"], value["step"], value[metric], value["loss"])


@dataclasses.dataclass(frozen=True)
class RunRecord:
    """One training run: what it scored, and how it got there.

    Attributes:
        validation_score, test_score: by the study's metric, at `best_epoch`.
        test_predictions: the predicted class, or number, of every test sentence at `best_epoch`.
        test_losses: -log p of every test sentence's class, where the metric is log_loss.
        loss_steps, loss_values: mean training loss of the steps since the point before.
    """

    seed: int
    learning_rate: float
    best_epoch: int
    validation_score: float
    test_score: float
    test_predictions: tuple[int, ...] | tuple[float, ...]
    loss_steps: tuple[int, ...]
    loss_values: tuple[float, ...]
    validation: tuple[Evaluation, ...]
    test_losses: tuple[float, ...] | None = None

    @property
    def answers(self) -> tuple[float, ...]:
        """What the study's metric measures of every test sentence: its loss, class or number."""
        return self.test_predictions if self.test_losses is None else self.test_losses

    def to_json(self, metric: str = ACCURACY) -> dict[str, Any]:
        """Return the run as it stands in the file, scores by the metric's name."""
        losses = {} if self.test_losses is None else {"test_losses": list(self.test_losses)}
        return losses | {
            "seed": self.seed,
            "learning_rate": self.learning_rate,
            "best_epoch": self.best_epoch,
            f"validation_{metric}": self.validation_score,
            f"test_{metric}": self.test_score,
            "test_predictions": list(self.test_predictions),
            "loss": {"step": list(self.loss_steps), "value": list(self.loss_values)},
            "validation": [point.to_json(metric) for point in self.validation],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any], metric: str = ACCURACY) -> RunRecord:
        """Build a run from its part of the file."""
        return cls(
            seed=value["seed"],
            learning_rate=value["learning_rate"],
            best_epoch=value["best_epoch"],
            validation_score=value[f"validation_{metric}"],
            test_score=value[f"test_{metric}"],
            test_predictions=tuple(value["test_predictions"]),
            loss_steps=tuple(value["loss"]["step"]),
            loss_values=tuple(value["loss"]["value"]),
            validation=tuple(Evaluation.from_json(p, metric) for p in value["validation"]),
            test_losses=tuple(value["test_losses"]) if "test_losses" in value else None,
        )


@dataclasses.dataclass(frozen=True)
class ArmRecord:
    """All runs of one arm: head-only, full fine-tuning, or LoRA at one rank.

    Attributes:
        rank: LoRA's rank, None in the other arms.
        learning_rates: every rate that was tried.
        learning_rate: the one that validation picked, on the mean over seeds, of those that were
            trained whole.
        total_parameters: base model and head, without the adapter.
        label_names: of the classes; none of a regression.
        test_labels: the true class, or number, of every test sentence.
        runs: every learning rate and seed; of a rate that was dropped early none.
        metric: by which all is compared (`study.metrics.measure`).
        early_exit: which rates were dropped, and when; None: all were trained whole.
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
    test_labels: tuple[int, ...] | tuple[float, ...]
    runs: tuple[RunRecord, ...]
    metric: str = ACCURACY
    early_exit: EarlyExit | None = None

    @property
    def whole_rates(self) -> tuple[float, ...]:
        """The rates whose runs were trained to their end, among which validation picked."""
        gone = () if self.early_exit is None else self.early_exit.dropped
        return tuple(rate for rate in self.learning_rates if rate not in gone)

    def picked(self) -> tuple[RunRecord, ...]:
        """Return the runs at the picked learning rate, in order of seed."""
        return self.at(self.learning_rate)

    def at(self, rate: float) -> tuple[RunRecord, ...]:
        """Return the runs at a learning rate, in order of seed."""
        runs = [run for run in self.runs if run.learning_rate == rate]
        return tuple(sorted(runs, key=lambda run: run.seed))

    def to_json(self) -> dict[str, Any]:
        """Return the arm as it stands in the file."""
        value = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        value = {key: list(v) if isinstance(v, tuple) else v for key, v in value.items()}
        if self.metric == ACCURACY:  # said where it is another
            del value["metric"]
        if self.early_exit is None:
            del value["early_exit"]
        else:
            value["early_exit"] = self.early_exit.to_json()
        return value | {"runs": [run.to_json(self.metric) for run in self.runs]}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ArmRecord:
        """Build an arm from the parsed file."""
        fields: dict[str, Any] = {
            key: tuple(v) if isinstance(v, list) else v for key, v in value.items()
        }
        metric = value.get("metric", ACCURACY)
        runs = tuple(RunRecord.from_json(run, metric) for run in value["runs"])
        if "early_exit" in value:
            fields["early_exit"] = EarlyExit.from_json(value["early_exit"])
        return cls(**(fields | {"runs": runs}))


def flaw_of(record: ArmRecord) -> str | None:
    """Say what of a record training cannot have written; None for nothing.

    Raises:
        KeyError: no metric is called so.
    """
    measure, classes = measure_named(record.metric), len(record.label_names)
    answers = numbers if record.runs[0].test_losses is not None else answers_of(classes)
    own = {
        "arm": lambda value: isinstance(value, str),
        "rank": lambda value: value is None or count(1)(value),
        "learning_rates": positives,
        "learning_rate": positive,
        **dict.fromkeys(("trainable_parameters", "total_parameters"), count(1)),
        **dict.fromkeys(("head_parameters", "adapter_parameters"), count(0)),
        "label_names": names,
        "test_labels": answers_of(classes),
    }
    of_run = {
        "seed": count(0),
        "learning_rate": positive,
        "best_epoch": count(0),
        "validation_score": score(measure),
        "test_score": score(measure),
        "test_predictions": answers_of(classes),
        "answers": answers,
        "loss_steps": counts,
        "loss_values": numbers,
        "validation": bool,
    }
    of_point = {
        **dict.fromkeys(("epoch", "step"), count(0)),
        "score": score(measure),
        "loss": lambda value: numbers((value,)),
    }
    found = [wrong(record, own)]
    for run in record.runs:
        found += [wrong(run, of_run), *(wrong(point, of_point) for point in run.validation)]
        if len(run.loss_steps) != len(run.loss_values):
            found.append("losses that are not as many as their steps")
    return next((flaw for flaw in found if flaw is not None), None)


def read_arm(path: str | Path) -> ArmRecord:
    """Read an arm's file.

    Raises:
        StudyError: the file is missing or is no such record, or holds what no training gives; it is
            named.
    """
    value = read_json(path)
    try:
        record = ArmRecord.from_json(value)
        flaw = flaw_of(record)
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise StudyError(f"{path}: not a record of an arm's runs ({repr(error)[:200]})") from error
    if flaw is not None:
        raise StudyError(f"{path}: not a record of an arm's runs ({flaw})")
    return record
