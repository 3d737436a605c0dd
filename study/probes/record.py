"""`metrics/linear_probe.json`: the probe that validation picked, and what the others reached."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from study.entry.errors import StudyError
from study.metrics.measure import ACCURACY, measure_named
from study.records import kinds
from study.records.json_file import read_json
from study.records.runs import ArmRecord
from study.words.arms import PROBE

_AGAIN = "run `dvc repro linear_probe`"


@dataclasses.dataclass(frozen=True)
class KindRecord:
    """What the best probe on one kind of states (`study.probes.states`) reached on validation.

    Attributes:
        c: the inverse of its penalty.
        validation_score: by the study's metric.
    """

    state: str
    c: float
    validation_score: float


@dataclasses.dataclass(frozen=True)
class LinearProbe:
    """A linear probe of the frozen encoder. There is no seed in it: nothing is drawn.

    Attributes:
        state: the kind of states that validation picked; c: the inverse of the penalty.
        validation_score, test_score: of the picked probe, by the study's metric.
        trainable_parameters: its coefficients, intercepts included.
        total_parameters: the frozen encoder's and these.
        states: every kind that was tried.
        left_out: why a kind was not, by kind.
        test_labels: the true class, or number, of every test sentence.
        validation_predictions, test_predictions: what the picked probe gives each.
        metric: by which it was picked (`study.metrics.measure`).
        validation_losses, test_losses: -log p of each sentence's class, where that is log_loss.
    """

    arm: ClassVar[str] = PROBE
    rank: ClassVar[None] = None

    state: str
    c: float
    validation_score: float
    test_score: float
    trainable_parameters: int
    total_parameters: int
    states: tuple[KindRecord, ...]
    left_out: Mapping[str, str]
    label_names: tuple[str, ...]
    test_labels: tuple[float, ...]
    validation_predictions: tuple[float, ...]
    test_predictions: tuple[float, ...]
    metric: str = ACCURACY
    validation_losses: tuple[float, ...] | None = None
    test_losses: tuple[float, ...] | None = None

    def parts(self) -> NDArray[Any]:
        """Return each test sentence's part in the metric, (1, num_sentences): one for all seeds."""
        found = self._parts(self.test_predictions, self.test_losses, np.array(self.test_labels))
        return found

    def validation_parts(self, labels: NDArray[Any]) -> NDArray[Any]:
        """Return the same of the validation sentences, whose labels are (num_sentences,)."""
        return self._parts(self.validation_predictions, self.validation_losses, labels)

    def _parts(
        self,
        predictions: tuple[float, ...],
        losses: tuple[float, ...] | None,
        labels: NDArray[Any],
    ) -> NDArray[Any]:
        answers = np.array(predictions if losses is None else losses)
        return measure_named(self.metric).parts(answers, labels)[None]

    def to_json(self) -> dict[str, Any]:
        """Return the record as it stands in the file, scores by the metric's name."""
        value = {
            self._key(field.name): getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.default is dataclasses.MISSING or getattr(self, field.name) != field.default
        }
        value = {key: list(v) if isinstance(v, tuple) else v for key, v in value.items()}
        states = [
            {self._key(key): x for key, x in dataclasses.asdict(each).items()}
            for each in self.states
        ]
        return value | {"states": states}

    def _key(self, field: str) -> str:
        return field.replace("_score", f"_{self.metric}")

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> LinearProbe:
        """Build a record from the parsed file."""
        suffix = f"_{value.get('metric', ACCURACY)}"

        def named(part: Mapping[str, Any]) -> dict[str, Any]:
            return {key.replace(suffix, "_score"): x for key, x in part.items()}

        fields: dict[str, Any] = {
            key: tuple(v) if isinstance(v, list) else v for key, v in named(value).items()
        }
        states = tuple(KindRecord(**named(each)) for each in value["states"])
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
        probe = LinearProbe.from_json(value)
        flaw = _flaw(probe)
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        said = repr(error)[:200]
        raise StudyError(f"{path}: not a record of a linear probe ({said})") from error
    if flaw is not None:
        raise StudyError(f"{path}: not a record of a linear probe ({flaw})")
    return probe


def _flaw(probe: LinearProbe) -> str | None:
    """Say what of a record no probe can have; None for nothing.

    Raises:
        KeyError: no metric is called so.
    """
    measure, answers = measure_named(probe.metric), kinds.answers_of(len(probe.label_names))
    of_kind = {"c": kinds.positive, "validation_score": kinds.score(measure)}
    own = {
        **of_kind,
        "state": lambda value: value in [each.state for each in probe.states],
        "test_score": kinds.score(measure),
        **dict.fromkeys(("trainable_parameters", "total_parameters"), kinds.count(1)),
        "label_names": kinds.names,
        **dict.fromkeys(("test_labels", "validation_predictions", "test_predictions"), answers),
        **dict.fromkeys(("validation_losses", "test_losses"), _numbers_or_none),
    }
    found = [kinds.wrong(probe, own), *(kinds.wrong(each, of_kind) for each in probe.states)]
    return next((flaw for flaw in found if flaw is not None), None)


def _numbers_or_none(value: Any) -> bool:
    return value is None or kinds.numbers(value)


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
    elif probe.metric != beside.metric:
        found.append(f"metric {probe.metric}, but the arms' is {beside.metric}")
    elif probe.test_score != float(probe.parts().mean()):
        given = probe.parts().mean()
        found.append(f"test_{probe.metric} {probe.test_score}, but its predictions give {given}")
    return found
