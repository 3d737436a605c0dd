"""What is asked of every rank, and how sure each answer is.

Each question is a one-sided paired test (`study.statistics.crossed`), put to every rank; over all
ranks together its error rate is held by Holm's procedure, as for equivalence to full fine-tuning
(`study.analyses.sufficiency.equivalence`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from study.analyses.sufficiency.equivalence import holm
from study.statistics.crossed import Crossed
from study.statistics.resampling import Interval

# What is asked of every rank: whether this difference is above (1) or below (-1) a limit, which is
# -margin (True) or 0.
QUESTIONS = {
    "lora_near": ("lora", 1, True),
    "lora_short": ("lora", -1, False),
    "truncated_near": ("truncated", 1, True),
    "truncated_short": ("truncated", -1, False),
    "lora_better": ("lora_to_truncated", 1, False),
    "truncated_better": ("lora_to_truncated", -1, False),
    "largest_better": ("lora_to_largest", -1, False),
}


@dataclass(frozen=True)
class Difference:
    """A paired difference of accuracy: as it was measured (fractions), and its interval (points).

    The interval is of this difference alone; `digits` of points are written.
    """

    measured: Crossed
    interval: Interval
    digits: int = 1

    @property
    def mean(self) -> float:
        """Return the difference in points."""
        return 100 * float(self.measured.mean[0])

    def words(self) -> str:
        """Write it for people."""
        ends = self.mean, self.interval.low, self.interval.high
        mean, low, high = (f"{end:+.{self.digits}f}" for end in ends)
        return f"{mean} points ({low} to {high})"

    def to_json(self) -> dict[str, float]:
        """Write it into a record, in points."""
        return {"points": self.mean, "low": self.interval.low, "high": self.interval.high}


@dataclass(frozen=True)
class Compared:
    """The differences at one rank that a reading rests on.

    Attributes:
        lora, truncated: gap to full fine-tuning.
        lora_to_truncated: LoRA less the truncated update.
        lora_to_largest: LoRA less the largest LoRA cut down to this rank; None at the largest.
        kind: which truncation is better on validation.
    """

    lora: Difference
    truncated: Difference
    lora_to_truncated: Difference
    lora_to_largest: Difference | None
    kind: str


def p_values(compared: Mapping[int, Compared], margin: float) -> dict[int, dict[str, float | None]]:
    """Return by rank the p value of every question, adjusted for the ranks that it is put to.

    None where it cannot be put to a rank.
    """
    found: dict[int, dict[str, float | None]] = {rank: {} for rank in compared}
    for question, (name, side, from_margin) in QUESTIONS.items():
        of_rank = {rank: getattr(each, name) for rank, each in compared.items()}
        every = {rank: d.measured for rank, d in of_rank.items() if d is not None}
        limit = -margin / 100 if from_margin else 0.0
        distances = [side * (float(measured.mean[0]) - limit) for measured in every.values()]
        adjusted = holm(list(every.values()), distances) if every else []
        by_rank = dict(zip(every, adjusted, strict=True))
        for rank, row in found.items():
            row[question] = by_rank.get(rank)
    return found
