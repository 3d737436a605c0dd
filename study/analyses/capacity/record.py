"""From which sentences each arm got right to `metrics/capacity.json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.analyses.capacity import readings
from study.analyses.capacity.questions import Compared, Difference
from study.analyses.capacity.truncation import PLAIN, WEIGHTED
from study.settings.statistics import StatisticsSettings
from study.statistics.crossed import crossed, crossed_interval
from study.statistics.resampling import Interval

LORA, LARGEST = "lora", "largest_lora_truncated"
CURVES = (PLAIN, WEIGHTED, LORA, LARGEST)
FULL, RANK_ZERO, TARGETS = "full", "rank_zero", "target_modules_alone"

Right = NDArray[np.bool_]
Arm = tuple[str, int | None]  # a curve and its rank, or a line and None


@dataclass(frozen=True)
class Comparison:
    """What every arm got right, and what was compared.

    Attributes:
        right: which seed got which test sentence right, (num_seeds, num_sentences), by arm.
        validation: the same of the validation sentences, of the truncated arms alone: on them the
            better truncation of a rank is chosen.
        modules: the linear layers whose update is cut down, with their weight's (out, in).
        target_modules: names of those that LoRA adapts.
        differing: of full fine-tuning and of the largest LoRA, how many sentences each seed's
            model, put together anew, classifies otherwise than its run did.
    """

    right: dict[Arm, Right]
    validation: dict[Arm, Right]
    modules: dict[str, tuple[int, int]]
    target_modules: tuple[str, ...]
    differing: dict[str, list[int]]


class _Table:
    """Means over seeds and sentences of every arm, and paired differences."""

    def __init__(self, right: Mapping[Arm, Right], confidence: float) -> None:
        self._right, self._confidence = right, confidence

    def accuracy(self, arm: Arm) -> dict[str, Any]:
        """Return an arm's accuracy, its interval, and that of every seed, as fractions."""
        right = self._right[arm]
        interval = crossed_interval(right, self._confidence, least=0, most=1)
        ends = {"low": interval.low, "high": interval.high}
        by_seed = right.mean(axis=1).tolist()
        return {"accuracy": float(right.mean())} | ends | {"by_seed": by_seed}

    def difference(self, first: Arm, second: Arm) -> Difference:
        """Return the first less the second, paired."""
        d = self._right[first].astype(np.float64) - self._right[second]
        interval = crossed_interval(d, self._confidence, least=-1, most=1)
        return Difference(crossed(d), Interval(100 * interval.low, 100 * interval.high))

    def with_gap(self, arm: Arm) -> dict[str, Any]:
        """Return accuracy and gap to full fine-tuning (points), each with its interval."""
        gap = self.difference(arm, (FULL, None))
        return self.accuracy(arm) | {
            "gap_to_full": gap.mean,
            "gap_to_full_low": gap.interval.low,
            "gap_to_full_high": gap.interval.high,
        }


def capacity_record(
    found: Comparison, statistics: StatisticsSettings, seeds: Sequence[int]
) -> dict[str, Any]:
    """Return what `metrics/capacity.json` holds; `stages.capacity` says what that is."""
    table = _Table(found.right, statistics.confidence)
    ranks = sorted({rank for _, rank in found.right if rank is not None})
    margin, alpha = max(statistics.margins), round(1 - statistics.confidence, 12)
    compared = {
        rank: _compared(table, rank, max(ranks), better_truncation(found.validation, rank))
        for rank in ranks
    }
    return {
        "curves": {curve: [_row(found, table, curve, rank) for rank in ranks] for curve in CURVES},
        FULL: table.accuracy((FULL, None)),
        RANK_ZERO: table.with_gap((RANK_ZERO, None)),
        TARGETS: table.with_gap((TARGETS, None)),
        "readings": readings.read(compared, margin, alpha),
        "meaning": readings.MEANING,
        "margin": margin,
        "alpha": alpha,
        "largest_rank": max(ranks),
        "confidence": statistics.confidence,
        "error_from": "seeds and sentences" if len(seeds) > 1 else "sentences",
        "seeds": sorted(seeds),
        "sentences": int(found.right[FULL, None].shape[1]),
        "validation_sentences": int(found.validation[PLAIN, ranks[0]].shape[1]),
        "modules": list(found.modules),
        "target_modules": list(found.target_modules),
        "numbers_per_rank": {
            PLAIN: sum(map(sum, found.modules.values())),
            LORA: sum(sum(found.modules[name]) for name in found.target_modules),
        },
        "differing": found.differing,
    }


def better_truncation(validation: Mapping[Arm, Right], rank: int) -> str:
    """Return the better one on validation; the weighted one of two that are equal."""
    return max((WEIGHTED, PLAIN), key=lambda kind: float(validation[kind, rank].mean()))


def _row(found: Comparison, table: _Table, curve: str, rank: int) -> dict[str, Any]:
    row = {"rank": rank} | table.with_gap((curve, rank))
    if (curve, rank) in found.validation:
        row["validation_accuracy"] = float(found.validation[curve, rank].mean())
    return row


def _compared(table: _Table, rank: int, largest: int, kind: str) -> Compared:
    full: Arm = (FULL, None)
    return Compared(
        lora=table.difference((LORA, rank), full),
        truncated=table.difference((kind, rank), full),
        lora_to_truncated=table.difference((LORA, rank), (kind, rank)),
        lora_to_largest=(
            None if rank == largest else table.difference((LORA, rank), (LARGEST, rank))
        ),
        kind=kind,
    )
