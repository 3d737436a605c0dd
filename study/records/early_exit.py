"""What a search of learning rates dropped after a share of the steps, and what that saved."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class Standing:
    """How one learning rate stood when the rates of an arm were compared.

    Attributes:
        score, loss: means over seeds of the best validation up to then, by the study's metric and
            by the loss; None where a run diverged.
        dropped: its runs ended there; else they were trained whole.
        diverged: seeds whose loss was not finite by then.
    """

    learning_rate: float
    score: float | None
    loss: float | None
    dropped: bool
    diverged: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True)
class EarlyExit:
    """When the rates of an arm were compared, and which of them were dropped.

    Attributes:
        step: after which they were; steps: of a whole run.
        by: what decided, the metric's name or "loss".
        saved: share of all steps of all runs that dropped ones did not do.
        rates: all that were tried, ascending.
    """

    step: int
    steps: int
    by: str
    saved: float
    rates: tuple[Standing, ...]

    @property
    def dropped(self) -> tuple[float, ...]:
        """The rates that were not trained whole."""
        return tuple(rate.learning_rate for rate in self.rates if rate.dropped)

    def to_json(self) -> dict[str, Any]:
        """Return it as it stands in the file."""
        value = dataclasses.asdict(self)
        rates = [row | {"diverged": list(row["diverged"])} for row in value["rates"]]
        return value | {"rates": rates}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> EarlyExit:
        """Build it from its part of the file."""
        rows = (row | {"diverged": tuple(row["diverged"])} for row in value["rates"])
        return cls(**{**value, "rates": tuple(Standing(**row) for row in rows)})
