"""What the adapter scores, and what is left of that at every rank it is cut to.

All are scored on the same examples, so that differences are paired. Cuts are told from the adapter
at a margin as the study tells ranks from full fine-tuning: one-sided tests, held to the error rate
over all cuts together by Holm's procedure (`study.analyses.sufficiency.equivalence`). With one
adapter they speak of this one on other examples, not of another training run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from audit import allotment
from audit.cutting import cut_factors
from audit.directions import Decompose, Directions
from audit.examples import Array, Examples
from audit.merged import Merged
from audit.record import ranks_up_to
from audit.updates import Updates
from audit.wanted import Wanted
from study.analyses.sufficiency.equivalence import judge
from study.analyses.sufficiency.verdicts import EQUIVALENT, WORSE
from study.statistics.crossed import are_counts, crossed_interval, paired
from study.words import scores as words
from study.words.phrases import counted, margin, points

Row = dict[str, Any]
ASKED = "as asked for"
ADAPTER = "adapter"
BASE = "base, the adapter's head"


def score(
    updates: Updates,
    merged: Merged,
    examples: Examples,
    found: Sequence[Directions],
    decompose: Decompose,
    wanted: Wanted,
    headline: int | None,
    asked: allotment.Ranks | None,
) -> Row:
    """Return the scores of base, every cut and adapter, with verdicts on the cuts.

    Args:
        found: directions as `decompose` finds them; headline: rank of the first sentence; None:
            the adapter is zero.
        asked: ranks by module of the cut that was asked for.
    """
    measure = examples.measure
    limit = examples.margin if wanted.margin is None else wanted.margin
    merged.clear()
    of_base = measure.merits(examples.parts(merged.model))
    merged.put(updates, updates.factors())
    whole = measure.merits(examples.parts(merged.model))
    largest = allotment.largest_rank(found)
    cuts: dict[str, Mapping[str, int]] = {}
    if headline is not None:
        ranks = sorted({*ranks_up_to(largest), headline} - {largest})
        cuts = {f"rank {rank}": allotment.uniform(found, rank) for rank in ranks}
    if asked is not None and asked not in cuts.values():
        cuts[ASKED] = asked
    merits = {}
    for name, of in cuts.items():
        merged.put(updates, cut_factors(updates.factors(), of, decompose))
        merits[name] = measure.merits(examples.parts(merged.model))
    verdicts = _verdicts(merits, whole, limit, 1 - wanted.confidence)
    rows = [_row(BASE, of_base, whole, examples, wanted, None, None, "")]
    for name, of in cuts.items():
        kept, cost = allotment.energy(found, of), allotment.parameters(found, of)
        rows.append(_row(name, merits[name], whole, examples, wanted, kept, cost, verdicts[name]))
    cost = allotment.parameters(found, {one.module.name: one.module.rank for one in found})
    rows.append(_row(ADAPTER, whole, None, examples, wanted, 1.0, cost, ""))
    return {
        "metric": measure.name if examples.unit == "sentence" else "perplexity",
        "column": measure.words,
        "examples": len(examples),
        "unit": examples.unit,
        "margin": limit,
        "confidence": wanted.confidence,
        "rows": rows,
        "sentence": _sentence(rows, headline, examples, largest),
        "note": _note(rows, limit, wanted.confidence, examples),
    }


def _verdicts(
    merits: Mapping[str, Array], whole: Array, limit: float, alpha: float
) -> dict[str, str]:
    if not merits:
        return {}
    differences = [paired(one[None], whole[None]) for one in merits.values()]
    judged = judge(differences, limit / 100, alpha)
    return {name: one.verdict for name, one in zip(merits, judged, strict=True)}


def _row(
    name: str,
    merits: Array,
    whole: Array | None,
    examples: Examples,
    wanted: Wanted,
    energy: float | None,
    parameters: int | None,
    verdict: str,
) -> Row:
    measure = examples.measure
    value = measure.value_of_merit(float(merits.mean()))
    row: Row = {
        "name": name,
        "energy": energy,
        "parameters": parameters,
        "score": value,
        "shown": examples.shown(value),
        "difference": None,
        "apart": "",
        "verdict": verdict,
    }
    if whole is None:
        return row
    d = merits.astype(float) - whole
    counts = are_counts(merits) and are_counts(whole)
    interval = crossed_interval(d[None], wanted.confidence, counts=counts)
    low, mean, high = (100 * x for x in (interval.low, float(d.mean()), interval.high))
    digits = words.digits(measure)
    row["difference"] = {"points": mean, "low": low, "high": high}
    row["apart"] = f"{mean:+.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"
    return row


def _sentence(rows: Sequence[Row], headline: int | None, examples: Examples, largest: int) -> str:
    """Say what the cut of the first sentence scores beside the adapter."""
    on = f"on {counted(len(examples), examples.unit)}"
    whole = rows[-1]["shown"]
    if headline is None or headline == largest:
        return f"uncut it scores {whole} {on}."
    cut = next(row for row in rows if row["name"] == f"rank {headline}")
    apart = cut["difference"]
    if apart["low"] <= 0 <= apart["high"]:
        told = "not told apart"
    else:
        side = "better" if apart["points"] > 0 else "worse"
        told = f"{points(apart['points'] / 100, words.digits(examples.measure))} {side}"
    # «79.6 against 79.8 %»: the unit once.
    first = cut["shown"].removesuffix(" %") if whole.endswith(" %") else cut["shown"]
    return f"cut there it scores {first} against {whole}, {told} {on}."


def _note(rows: Sequence[Row], limit: float, confidence: float, examples: Examples) -> str:
    """Name the smallest cut that is not shown to be worse, and the smallest shown to be as good."""
    cuts = [row for row in rows if row["verdict"]]
    by_cost = sorted(cuts, key=lambda row: row["parameters"])
    not_worse = next((row["name"] for row in by_cost if row["verdict"] != WORSE), "none")
    within = next((row["name"] for row in by_cost if row["verdict"] == EQUIVALENT), "none")
    unit = f" {examples.point}" if examples.point else ""
    return (
        f"Smallest cut that is not shown to be worse by {margin(limit)}: {not_worse}; "
        f"smallest shown to be within it: {within}. Cuts are weighed by what comes into the "
        f"layers. Intervals are of {100 * confidence:g} %, over {examples.unit}s.{unit}"
    )
