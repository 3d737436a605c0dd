"""The verdicts of the answer: on the recommended rank, at every margin, from one interval.

The rank was picked on validation, so that it is one rank whose difference to full fine-tuning is
measured on test. Every verdict is read off one two-sided interval of that difference: it lies
within a margin, below it or above it, or it tells nothing. Any of them is wrong only if the
interval misses the true difference: the chance of that, at any number of margins, is at most
1 - confidence.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from study.analyses.sufficiency.foreseen import chance_beforehand
from study.analyses.sufficiency.looked import Seen, first_told
from study.analyses.sufficiency.planning import Components, Question, seeds_needed, sentences_needed
from study.analyses.sufficiency.verdicts import BETTER, EQUIVALENT, UNTOLD, WORSE
from study.settings.statistics import StatisticsSettings
from study.statistics.crossed import Crossed


def answer_of(
    differences: Sequence[Crossed],
    looks: Sequence[Seen],
    statistics: StatisticsSettings,
    parts: Components | None,
) -> dict[str, Any]:
    """Return `verdicts_of` the last look's difference, its margins those of `first_told`.

    Args:
        differences: of one rank, at each look; parts: as in `verdicts_of`.
    """
    found = [verdicts_of(difference, statistics, parts) for difference in differences]
    return found[-1] | {"margins": first_told([one["margins"] for one in found], looks)}


def verdicts_of(
    difference: Crossed, statistics: StatisticsSettings, parts: Components | None
) -> dict[str, Any]:
    """Return `difference`, `low` and `high` (points), and by margin the `verdict`.

    Of one test sentence there is no interval: its ends are None, and nothing is told.

    `foreseen` is the chance, told before anything was trained, to find a rank equivalent that in
    truth equals full fine-tuning, where something tells it; see `needed` for the rest.

    Args:
        parts: how far models usually differ (`study.analyses.sufficiency.usual`); None: not known.
    """
    alpha = (1 - statistics.confidence) / 2
    mean = 100 * float(difference.mean[0])
    half = 100 * float(difference.half_width(alpha)[0])
    finite = math.isfinite(half)
    seeds, sentences = difference.num_seeds, difference.num_sentences
    return {
        "difference": mean,
        "low": mean - half if finite else None,
        "high": mean + half if finite else None,
        "margins": [
            {
                "margin": margin,
                "verdict": verdict(mean - half, mean + half, margin),
                **foreseen(seeds, sentences, margin, alpha, parts),
                **needed(difference, Question(margin / 100, alpha, statistics.power)),
            }
            for margin in statistics.margins
        ],
    }


def foreseen(
    num_seeds: int, num_sentences: int, margin: float, alpha: float, parts: Components | None
) -> dict[str, float]:
    """Return the chance as a part of a record; none where nothing tells it."""
    if parts is None:
        return {}
    return {"foreseen": chance_beforehand(num_seeds, num_sentences, margin, alpha, parts)}


def verdict(low: float, high: float, margin: float) -> str:
    """Say where an interval lies with respect to a margin; all are points."""
    if -margin <= low and high <= margin:
        return EQUIVALENT
    if high < -margin:
        return WORSE
    return BETTER if low > margin else UNTOLD


def needed(difference: Crossed, question: Question) -> dict[str, int | None]:
    """Return what it would take to tell; with one seed nothing is known of how seeds differ.

    `seeds_needed`, with these test sentences, and `sentences_needed`, with these seeds, are those
    at which a rank that in truth equals full fine-tuning would be found equivalent with the power
    asked for; `seeds_if_as_measured` those at which a clear verdict would come out if the truth
    were the measured difference.
    """
    found: dict[str, int | None] = dict.fromkeys(
        ("seeds_needed", "seeds_if_as_measured", "sentences_needed")
    )
    if difference.num_sentences < 2:
        return found
    parts = Components.estimated(difference)
    seeds, sentences = difference.num_seeds, difference.num_sentences
    found["sentences_needed"] = sentences_needed(parts, seeds, question)
    if seeds > 1:
        measured = question.at(float(difference.mean[0]))
        found["seeds_needed"] = seeds_needed(parts, sentences, question)
        found["seeds_if_as_measured"] = seeds_needed(parts, sentences, measured)
    return found
