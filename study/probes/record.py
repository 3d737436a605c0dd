"""`metrics/linear_probe.json`: the probe that validation picked, and what the others reached."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from study.entry.errors import StudyError
from study.records.json_file import read_json
from study.records.runs import ArmRecord
from study.words.arms import PROBE

_AGAIN = "run `dvc repro linear_probe`"


@dataclasses.dataclass(frozen=True)
class KindRecord:
    """What the best probe on one kind of states (`study.probes.states`) reached on validation.

    Attributes:
        c: the inverse of its penalty.
        validation_accuracy: a fraction.
    """

    state: str
    c: float
    validation_accuracy: float


@dataclasses.dataclass(frozen=True)
class LinearProbe:
    """A linear probe of the frozen encoder. There is no seed in it: nothing is drawn.

    Attributes:
        state: the kind of states that validation picked; c: the inverse of the penalty.
        validation_accuracy, test_accuracy: of the picked probe, fractions.
        trainable_parameters: its coefficients, intercepts included.
        total_parameters: the frozen encoder's and these.
        states: every kind that was tried.
        left_out: why a kind was not, by kind.
        test_labels: the true class of every test sentence.
        validation_predictions, test_predictions: the class that the picked probe gives each.
    """

    arm: ClassVar[str] = PROBE
    rank: ClassVar[None] = None

    state: str
    c: float
    validation_accuracy: float
    test_accuracy: float
    trainable_parameters: int
    total_parameters: int
    states: tuple[KindRecord, ...]
    left_out: Mapping[str, str]
    label_names: tuple[str, ...]
    test_labels: tuple[int, ...]
    validation_predictions: tuple[int, ...]
    test_predictions: tuple[int, ...]

    def right(self) -> NDArray[np.bool_]:
        """Return which test sentence it got right, (1, num_sentences): one answer for all seeds."""
        found: NDArray[np.bool_] = np.array([self.test_predictions]) == np.array(self.test_labels)
        return found

    def to_json(self) -> dict[str, Any]:
        """Return the record as it stands in the file."""
        value = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        value = {key: list(v) if isinstance(v, tuple) else v for key, v in value.items()}
        return value | {"states": [dataclasses.asdict(each) for each in self.states]}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> LinearProbe:
        """Build a record from the parsed file."""
        fields: dict[str, Any] = {
            key: tuple(v) if isinstance(v, list) else v for key, v in value.items()
        }
        states = tuple(KindRecord(**each) for each in value["states"])
        return cls(**(fields | {"states": states}))


def read_probe(path: str | Path, beside: ArmRecord) -> LinearProbe:
    """Read the record.

    Args:
        beside: an arm that it is to be compared with.

    Raises:
        StudyError: the file is missing, is no such record, contradicts itself, or was tested on
            other sentences than the arm; it is named, with the command that makes it anew.
    """
    try:
        probe = _parsed(path)
    except StudyError as error:
        raise StudyError(f"{error}; {_AGAIN}") from error
    for problem in _problems(probe, beside):
        raise StudyError(f"{path}: {problem}; {_AGAIN}")
    return probe


def _parsed(path: str | Path) -> LinearProbe:
    value = read_json(path)
    try:
        return LinearProbe.from_json(value)
    except (KeyError, TypeError, AttributeError) as error:
        raise StudyError(f"{path}: not a record of a linear probe ({error!r})") from error


def _problems(probe: LinearProbe, beside: ArmRecord) -> list[str]:
    """Say what is wrong with the record, the most telling first."""
    found = []
    if probe.label_names != beside.label_names:
        found.append("other label_names than the arms'")
    if probe.test_labels != beside.test_labels:
        found.append("other test sentences (test_labels) than the arms'")
    predicted, sentences = len(probe.test_predictions), len(probe.test_labels)
    if predicted != sentences:
        found.append(f"{predicted} predictions for {sentences} test sentences")
    elif probe.test_accuracy != float(probe.right().mean()):
        found.append(
            f"test_accuracy {probe.test_accuracy}, but its predictions give {probe.right().mean()}"
        )
    return found
