"""From what each sentence is worth to each arm to `metrics/capacity.json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from study.analyses.capacity import readings
from study.analyses.capacity.questions import Compared, Difference
from study.analyses.capacity.truncation import PLAIN, WEIGHTED
from study.metrics.measure import ACCURACY, CLASSIFICATION, MEASURES, Measure
from study.settings.statistics import StatisticsSettings
from study.statistics.crossed import are_counts, crossed_interval, paired
from study.statistics.resampling import Interval, Scores
from study.words.scores import digits

LORA, LARGEST = "lora", "largest_lora_truncated"
CURVES = (PLAIN, WEIGHTED, LORA, LARGEST)
FULL, RANK_ZERO, TARGETS = "full", "rank_zero", "target_modules_alone"

Arm = tuple[str, int | None]  # a curve and its rank, or a line and None


@dataclass(frozen=True)
class Comparison:
    """What every arm scored, and what was compared.

    Attributes:
        merits: of every arm, (num_seeds, num_sentences): each test sentence's part in the metric,
            so that more is better and a hundredth a point; of accuracy which are right.
        validation: the same of the validation sentences, of the truncated arms alone: on them the
            better truncation of a rank is chosen.
        modules: the linear layers whose update is cut down, with their weight's (out, in).
        target_modules: names of those that LoRA adapts.
        differing: of full fine-tuning and of the largest LoRA, how many sentences each seed's
            model, put together anew, answers otherwise than its run did.
        measure: what is compared.
    """

    merits: dict[Arm, Scores]
    validation: dict[Arm, Scores]
    modules: dict[str, tuple[int, int]]
    target_modules: tuple[str, ...]
    differing: dict[str, list[int]]
    measure: Measure = MEASURES[CLASSIFICATION][ACCURACY]


class _Table:
    """Means over seeds and sentences of every arm, and paired differences."""

    def __init__(self, merits: Mapping[Arm, Scores], confidence: float, measure: Measure) -> None:
        self._merits, self._confidence, self._measure = merits, confidence, measure

    def score(self, arm: Arm) -> dict[str, Any]:
        """Return an arm's score, its interval, and that of every seed; accuracies are fractions."""
        measure = self._measure
        own = _parts(self._merits[arm], measure)
        interval = crossed_interval(
            *(own, self._confidence),
            counts=are_counts(own),
            least=measure.least,
            most=measure.most,
        )
        ends = {"low": interval.low, "high": interval.high}
        by_seed = own.mean(axis=1).tolist()
        return {measure.name: float(own.mean())} | ends | {"by_seed": by_seed}

    def difference(self, first: Arm, second: Arm) -> Difference:
        """Return the first less the second, paired."""
        one, other = self._merits[first], self._merits[second]
        most = self._measure.most - self._measure.least
        d, counts = one.astype(np.float64) - other, are_counts(one) and are_counts(other)
        interval = crossed_interval(d, self._confidence, counts=counts, least=-most, most=most)
        measured = paired(one, other)
        of_points = Interval(100 * interval.low, 100 * interval.high)
        return Difference(measured, of_points, digits(self._measure))

    def with_gap(self, arm: Arm) -> dict[str, Any]:
        """Return score and gap to full fine-tuning (points), each with its interval."""
        gap = self.difference(arm, (FULL, None))
        return self.score(arm) | {
            "gap_to_full": gap.mean,
            "gap_to_full_low": gap.interval.low,
            "gap_to_full_high": gap.interval.high,
        }


def capacity_record(
    found: Comparison, statistics: StatisticsSettings, seeds: Sequence[int]
) -> dict[str, Any]:
    """Return what `metrics/capacity.json` holds; `stages.capacity` says what that is."""
    measure = found.measure
    table = _Table(found.merits, statistics.confidence, measure)
    ranks = sorted({rank for _, rank in found.merits if rank is not None})
    margin, alpha = max(statistics.margins), round(1 - statistics.confidence, 12)
    compared = {
        rank: _compared(table, rank, max(ranks), better_truncation(found.validation, rank))
        for rank in ranks
    }
    return {
        **({} if measure.name == ACCURACY else {"metric": measure.name}),
        "curves": {curve: [_row(found, table, curve, rank) for rank in ranks] for curve in CURVES},
        FULL: table.score((FULL, None)),
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
        "sentences": int(found.merits[FULL, None].shape[1]),
        "validation_sentences": int(found.validation[PLAIN, ranks[0]].shape[1]),
        "modules": list(found.modules),
        "target_modules": list(found.target_modules),
        "numbers_per_rank": {
            PLAIN: sum(map(sum, found.modules.values())),
            LORA: sum(sum(found.modules[name]) for name in found.target_modules),
        },
        "differing": found.differing,
    }


def _parts(merits: Scores, measure: Measure) -> Scores:
    """Return merits in the metric's own unit again; bool ones as they are."""
    if are_counts(merits):
        return merits
    return np.asarray(merits * measure.value_of_merit(1.0), dtype=np.float64)


def better_truncation(validation: Mapping[Arm, Scores], rank: int) -> str:
    """Return the better one on validation; the weighted one of two that are equal."""
    return max((WEIGHTED, PLAIN), key=lambda kind: float(validation[kind, rank].mean()))


def _row(found: Comparison, table: _Table, curve: str, rank: int) -> dict[str, Any]:
    row = {"rank": rank} | table.with_gap((curve, rank))
    if (curve, rank) in found.validation:
        merit = float(found.validation[curve, rank].mean())
        row[f"validation_{found.measure.name}"] = found.measure.value_of_merit(merit)
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
