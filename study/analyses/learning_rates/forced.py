"""What a sweep would have concluded with one learning rate forced on all ranks.

A best rate that moves with the rank makes a single rate favour some ranks, and what looks like an
effect of the rank is then one of the rate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from study.analyses.results.sweep import Sweep, measure_in, merits
from study.analyses.sufficiency.equivalence import verdicts
from study.analyses.sufficiency.rule import one_standard_error
from study.settings.statistics import StatisticsSettings
from study.statistics.crossed import paired
from study.words.phrases import listed
from study.words.phrases import margin as margin_words


def conclusions(
    results: Sweep, rate: float | None, statistics: StatisticsSettings
) -> dict[str, Any]:
    """Return what test says of the ranks at one rate, or at each rank's own best for None.

    Full fine-tuning is taken at its own best rate.

    - `order`: ranks by their score on test, best first, the smaller of two that are equal first;
      `best_rank`: the first of them.
    - `one_standard_error`: rank by the rule (`study.analyses.sufficiency.rule`).
    - `equivalence`: by margin, every rank's verdict (`study.analyses.sufficiency.equivalence`).
    """
    ranks = list(results.lora)
    of_lora = np.stack([merits(record, rate) for record in results.lora.values()])
    full = merits(results.full)
    differences = [paired(arm, full) for arm in of_lora]
    picked = one_standard_error(of_lora)
    by_merit = np.argsort(-of_lora.mean(axis=(1, 2)), kind="stable")
    order = [ranks[int(place)] for place in by_merit]
    alpha = 1 - statistics.confidence
    return {
        "order": order,
        "best_rank": order[0],
        "one_standard_error": ranks[int(picked.place[0])],
        "equivalence": [
            {
                "margin": margin,
                "ranks": [
                    {"rank": rank, "verdict": verdict}
                    for rank, verdict in zip(
                        ranks, verdicts(differences, margin / 100, alpha), strict=True
                    )
                ],
            }
            for margin in statistics.margins
        ],
    }


def forced(
    results: Sweep, at_own: Mapping[str, Any], statistics: StatisticsSettings
) -> list[dict[str, Any]] | dict[str, str]:
    """Return, for each rate that every rank was trained at whole, what turns over if all have it.

    `turned_over` holds a sentence for each conclusion that is another than `at_own`, the one with
    every rank at its own best; none if all stand. Or a `reason` why there is nothing to tell.
    """
    lora = list(results.lora.values())
    every = [set(record.whole_rates) for record in lora]
    shared = sorted(set.intersection(*every))
    whole = all(rates == set(r.learning_rates) for rates, r in zip(every, lora, strict=True))
    if max(len(rates) for rates in every) == 1 and shared:
        one = "one learning rate was tried" if whole else "early exit left one learning rate"
        return {"reason": f"{one}, so all ranks have it already"}
    if not shared:
        how = "tried" if whole else "trained whole"
        return {"reason": f"no learning rate was {how} at every rank"}
    rows, words = [], measure_in(results.full).words
    for rate in shared:
        here = conclusions(results, rate, statistics)
        rows.append({"rate": rate, "turned_over": list(_turned_over(here, at_own, words)), **here})
    return rows


def _turned_over(here: Mapping[str, Any], own: Mapping[str, Any], measured: str) -> Iterator[str]:
    if here["best_rank"] != own["best_rank"]:
        yield f"best on test is rank {here['best_rank']}, not {own['best_rank']}"
    if here["one_standard_error"] != own["one_standard_error"]:
        ranks = here["one_standard_error"], own["one_standard_error"]
        yield "within one standard error of the best is rank {}, not {}".format(*ranks)
    if here["order"] != own["order"]:
        orders = (listed(each["order"]) for each in (here, own))
        yield f"ranks by test {measured}, best first: {{}}, not {{}}".format(*orders)
    for at_margin, own_at_margin in zip(here["equivalence"], own["equivalence"], strict=True):
        for row, own_row in zip(at_margin["ranks"], own_at_margin["ranks"], strict=True):
            if row["verdict"] != own_row["verdict"]:
                verdicts = f"{_quoted(row['verdict'])}, not {_quoted(own_row['verdict'])}"
                yield f"rank {row['rank']} within {margin_words(at_margin['margin'])}: {verdicts}"


def _quoted(verdict: str) -> str:
    return f"“{verdict}”"
