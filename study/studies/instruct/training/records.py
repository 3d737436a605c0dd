"""What the stages of instruction tuning leave for each other: the base's losses, an arm's runs.

Losses are in nats; perplexity is exp(loss).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from study.entry.errors import StudyError
from study.records.early_exit import EarlyExit
from study.records.json_file import read_json
from study.records.runs import Evaluation

if TYPE_CHECKING:
    from torch import Tensor


@dataclasses.dataclass(frozen=True)
class PairRun:
    """One training run.

    Attributes:
        validation_loss: mean over response tokens at `best_epoch`, as is `test_loss`, on the
            held-out pairs.
        test_token_accuracy: share of held-out response tokens that were the likeliest one.
        validation_pair_losses, test_pair_losses: summed over the response's tokens, of every pair.
        loss_steps, loss_values: mean training loss of the steps since the point before.
    """

    seed: int
    learning_rate: float
    best_epoch: int
    validation_loss: float
    validation_pair_losses: tuple[float, ...]
    test_loss: float
    test_token_accuracy: float
    test_pair_losses: tuple[float, ...]
    loss_steps: tuple[int, ...]
    loss_values: tuple[float, ...]
    validation: tuple[Evaluation, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the run as it stands in the file, with its perplexity."""
        value = _plain(self) | {"validation": [p.to_json() for p in self.validation]}
        return value | {"test_perplexity": math.exp(min(self.test_loss, 700.0))}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> PairRun:
        """Build a run from its part of the file."""
        fields = _known(cls, value)
        return cls(**fields | {"validation": tuple(map(Evaluation.from_json, value["validation"]))})


@dataclasses.dataclass(frozen=True)
class TunedRecord:
    """All runs of one arm.

    Attributes:
        rank: of LoRA; None: full fine-tuning.
        learning_rate: the one of `learning_rates` that validation picked, on the mean over
            `search_seeds`; every other seed trained at it alone.
        search_seeds: none where there was one rate only.
        total_parameters: of the base model.
        steps: of one run; operations: of the matrix products in them all.
        written: what the first seed's model wrote to the held-out prompts, as ids; None: nothing
            was asked for, or it is written elsewhere.
        early_exit: which rates were dropped, and when; None: all were trained whole.
    """

    rank: int | None
    learning_rates: tuple[float, ...]
    learning_rate: float
    search_seeds: tuple[int, ...]
    trainable_parameters: int
    total_parameters: int
    steps: int
    operations: int
    runs: tuple[PairRun, ...]
    written: tuple[tuple[int, ...], ...] | None = None
    early_exit: EarlyExit | None = None

    def picked(self) -> tuple[PairRun, ...]:
        """Return the runs at the picked learning rate, in order of seed."""
        runs = [run for run in self.runs if run.learning_rate == self.learning_rate]
        return tuple(sorted(runs, key=lambda run: run.seed))

    def to_json(self) -> dict[str, Any]:
        """Return the arm as it stands in the file."""
        value = _plain(self) | {"runs": [run.to_json() for run in self.runs]}
        value["written"] = None if self.written is None else [list(ids) for ids in self.written]
        if self.early_exit is None:  # said where there was one
            del value["early_exit"]
        else:
            value["early_exit"] = self.early_exit.to_json()
        return value

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> TunedRecord:
        """Build an arm from the parsed file."""
        written, early = value["written"], value.get("early_exit")
        return cls(
            **_known(cls, {**value, "early_exit": None})
            | {
                "early_exit": None if early is None else EarlyExit.from_json(early),
                "runs": tuple(PairRun.from_json(run) for run in value["runs"]),
                "written": None if written is None else tuple(map(tuple, written)),
            }
        )


@dataclasses.dataclass(frozen=True)
class BaseRecord:
    """The model before training, on the held-out pairs.

    Attributes:
        test_response_tokens, validation_response_tokens: of every pair; other fields as in
            `PairRun`.
    """

    test_loss: float
    test_token_accuracy: float
    test_pair_losses: tuple[float, ...]
    test_response_tokens: tuple[int, ...]
    validation_loss: float
    validation_response_tokens: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the record as it stands in the file, with its perplexity."""
        return _plain(self) | {"test_perplexity": math.exp(min(self.test_loss, 700.0))}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> BaseRecord:
        """Build the record from the parsed file."""
        return cls(**_known(cls, value))


def by_pair(outputs: Tensor) -> tuple[float, ...]:
    """Return the summed loss of every pair, from a split's outputs (n, 2)."""
    return tuple(round(loss, 4) for loss in outputs[:, 0].tolist())


def read_tuned(path: str | Path) -> TunedRecord:
    """Read an arm's file.

    Raises:
        StudyError: the file is missing or is no such record; it is named.
    """
    return _read(TunedRecord, path)  # type: ignore[no-any-return]


def read_base(path: str | Path) -> BaseRecord:
    """Read the base model's file.

    Raises:
        StudyError: as `read_tuned`.
    """
    return _read(BaseRecord, path)  # type: ignore[no-any-return]


def _read(kind: Any, path: str | Path) -> Any:
    value = read_json(path)
    try:
        return kind.from_json(value)
    except (KeyError, TypeError, AttributeError) as error:
        raise StudyError(f"{path}: not a {kind.__name__} ({error!r})") from error


def _plain(record: Any) -> dict[str, Any]:
    value = {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
    return {key: list(v) if isinstance(v, tuple) else v for key, v in value.items()}


def _known(kind: Any, value: Mapping[str, Any]) -> dict[str, Any]:
    names = [field.name for field in dataclasses.fields(kind)]
    return {key: tuple(value[key]) if isinstance(value[key], list) else value[key] for key in names}
