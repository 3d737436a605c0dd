"""What the comparison says about a rank, by a rule that is set beforehand.

A gap to full fine-tuning is *near* if its paired interval lies above -margin (points), so that
surely less than the margin is missing; *short* if the interval lies below 0 and is not near; else
it cannot be told. One update is *better* than another of the same rank if the paired interval of
their difference lies above 0. "The truncated update" is the better one at that rank of the plain
and the weighted truncation of full fine-tuning's.

`MEANING` holds the readings in the order in which they are tried: the first whose condition holds.
Intervals are not corrected for the number of ranks: one reading in many may err.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from study.statistics import Interval

NEAR, SHORT, UNCLEAR = "near", "short", "cannot be told"

BADLY_TRAINED = "badly trained"
NOT_RANK = "not for lack of rank"
BETTER_USED = "uses its room better"
ENOUGH = "room enough"
LACKS_ROOM = "lacks room"
UNKNOWN = "cannot be told"

MEANING = {
    BADLY_TRAINED: (
        "LoRA is short, and the largest LoRA cut down to this rank is better: an update of this "
        "rank, in the same modules, was there to be found"
    ),
    NOT_RANK: (
        "LoRA is short, and full fine-tuning's update cut down to this rank is better: the rank "
        "has room that LoRA leaves unused, by its training or by its place (fewer modules; no "
        "biases, norms or embeddings)"
    ),
    BETTER_USED: (
        "full fine-tuning's update cut down to this rank is short, and LoRA is better: training "
        "at this rank finds what cutting down does not"
    ),
    ENOUGH: "LoRA is near full fine-tuning",
    LACKS_ROOM: (
        "both are short and neither is better: no known update of this rank reaches full "
        "fine-tuning, though an unknown one may"
    ),
    UNKNOWN: "none of the others, with these seeds and sentences",
}


@dataclass(frozen=True)
class Difference:
    """A paired difference of accuracy in points, with its interval."""

    mean: float
    interval: Interval

    def level(self, margin: float) -> str:
        """Say where an arm of this gap to full fine-tuning stands: `NEAR`, `SHORT`, `UNCLEAR`."""
        if self.interval.low > -margin:
            return NEAR
        return SHORT if self.interval.high < 0 else UNCLEAR

    @property
    def above(self) -> bool:
        """Whether the first is surely better."""
        return self.interval.low > 0

    @property
    def below(self) -> bool:
        """Whether the first is surely worse."""
        return self.interval.high < 0

    def words(self) -> str:
        """Write it for people."""
        return f"{self.mean:+.1f} points ({self.interval.low:+.1f} to {self.interval.high:+.1f})"


@dataclass(frozen=True)
class Compared:
    """The differences at one rank that a reading rests on.

    Attributes:
        lora, truncated: gap to full fine-tuning.
        lora_to_truncated: LoRA less the truncated update.
        lora_to_largest: LoRA less the largest LoRA cut down to this rank; None at the largest.
        kind: which truncation was the better one.
    """

    lora: Difference
    truncated: Difference
    lora_to_truncated: Difference
    lora_to_largest: Difference | None
    kind: str


def read(rank: int, compared: Compared, margin: float) -> dict[str, Any]:
    """Return the reading of a rank, its reason in words, and the numbers it rests on."""
    lora = compared.lora.level(margin)
    truncated = compared.truncated.level(margin)
    reading = _reading(compared, lora, truncated)
    differences: Mapping[str, Difference | None] = {
        "lora_to_truncated": compared.lora_to_truncated,
        "lora_to_largest": compared.lora_to_largest,
    }
    return {
        "rank": rank,
        "reading": reading,
        "reason": _reason(reading, rank, compared),
        "lora_is": lora,
        "truncated_is": truncated,
        "truncation": compared.kind,
        **{key: None if d is None else as_json(d) for key, d in differences.items()},
    }


def as_json(difference: Difference) -> dict[str, float]:
    """Write a difference into a record, in points."""
    low, high = difference.interval.low, difference.interval.high
    return {"points": difference.mean, "low": low, "high": high}


def _reading(compared: Compared, lora: str, truncated: str) -> str:
    largest = compared.lora_to_largest
    if lora == SHORT and largest is not None and largest.below:
        return BADLY_TRAINED
    if lora == SHORT and compared.lora_to_truncated.below:
        return NOT_RANK
    if truncated == SHORT and compared.lora_to_truncated.above:
        return BETTER_USED
    if lora == NEAR:
        return ENOUGH
    if lora == truncated == SHORT:
        return LACKS_ROOM
    return UNKNOWN


def _reason(reading: str, rank: int, compared: Compared) -> str:
    gap, cut = compared.lora.words(), compared.truncated.words()
    over = compared.lora_to_truncated.words()
    against = f"LoRA against full fine-tuning {gap}, full's update cut to rank {rank} {cut}"
    if reading == BADLY_TRAINED:
        assert compared.lora_to_largest is not None
        largest = compared.lora_to_largest.words()
        return f"{against}; LoRA against the largest LoRA cut to this rank {largest}"
    return f"{against}; LoRA against the cut update {over}"
