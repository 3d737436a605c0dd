"""From which sentences each arm got right to `metrics/capacity.json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.capacity import readings
from study.capacity.readings import Compared, Difference
from study.capacity.truncation import PLAIN, WEIGHTED
from study.settings import StatisticsSettings
from study.statistics import Floats, bootstrap_means, percentile_interval

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
        modules: the linear layers whose update is cut down, with their weight's (out, in).
        target_modules: names of those that LoRA adapts.
        differing: of full fine-tuning and of the largest LoRA, how many sentences each seed's
            model, put together anew, classifies otherwise than its run did.
    """

    right: dict[Arm, Right]
    modules: dict[str, tuple[int, int]]
    target_modules: tuple[str, ...]
    differing: dict[str, list[int]]


class _Table:
    """Means over seeds and sentences of every arm, resampled together so that pairs are paired."""

    def __init__(self, right: Mapping[Arm, Right], statistics: StatisticsSettings) -> None:
        stacked = np.stack(list(right.values()))
        self._confidence = statistics.confidence
        self._means = dict(zip(right, stacked.mean(axis=(1, 2)), strict=True))
        self._seeds = dict(zip(right, stacked.mean(axis=2).tolist(), strict=True))
        resampled = bootstrap_means(stacked, statistics.resamples, statistics.seed)
        self._resampled: dict[Arm, Floats] = dict(zip(right, resampled, strict=True))

    def accuracy(self, arm: Arm) -> dict[str, Any]:
        """Return an arm's accuracy, its interval, and that of every seed, as fractions."""
        interval = percentile_interval(self._resampled[arm], self._confidence)
        ends = {"low": interval.low, "high": interval.high}
        return {"accuracy": float(self._means[arm])} | ends | {"by_seed": self._seeds[arm]}

    def difference(self, first: Arm, second: Arm) -> Difference:
        """Return the first less the second, in points, paired."""
        resampled = 100 * (self._resampled[first] - self._resampled[second])
        mean = 100 * float(self._means[first] - self._means[second])
        return Difference(mean, percentile_interval(resampled, self._confidence))

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
    table = _Table(found.right, statistics)
    ranks = sorted({rank for _, rank in found.right if rank is not None})
    margin = max(statistics.margins)
    return {
        "curves": {
            curve: [{"rank": rank} | table.with_gap((curve, rank)) for rank in ranks]
            for curve in CURVES
        },
        FULL: table.accuracy((FULL, None)),
        RANK_ZERO: table.with_gap((RANK_ZERO, None)),
        TARGETS: table.with_gap((TARGETS, None)),
        "readings": [readings.read(r, _compared(table, r, max(ranks)), margin) for r in ranks],
        "meaning": readings.MEANING,
        "margin": margin,
        "largest_rank": max(ranks),
        "confidence": statistics.confidence,
        "error_from": "seeds and sentences" if len(seeds) > 1 else "sentences",
        "seeds": sorted(seeds),
        "sentences": int(found.right[FULL, None].shape[1]),
        "modules": list(found.modules),
        "target_modules": list(found.target_modules),
        "numbers_per_rank": {
            PLAIN: sum(map(sum, found.modules.values())),
            LORA: sum(sum(found.modules[name]) for name in found.target_modules),
        },
        "differing": found.differing,
    }


def _compared(table: _Table, rank: int, largest: int) -> Compared:
    full: Arm = (FULL, None)
    gaps = {kind: table.difference((kind, rank), full) for kind in (WEIGHTED, PLAIN)}
    kind = max(gaps, key=lambda each: gaps[each].mean)  # the weighted one of two that are equal
    return Compared(
        lora=table.difference((LORA, rank), full),
        truncated=gaps[kind],
        lora_to_truncated=table.difference((LORA, rank), (kind, rank)),
        lora_to_largest=(
            None if rank == largest else table.difference((LORA, rank), (LARGEST, rank))
        ),
        kind=kind,
    )
