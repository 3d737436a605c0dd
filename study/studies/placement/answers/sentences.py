"""The answer in sentences: plain text, in which **words** are strong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from study.analyses.results.sweep import measure_in, merits
from study.analyses.sufficiency.sharper import MEASURE
from study.metrics.measure import Measure
from study.records.runs import ArmRecord
from study.statistics.crossed import paired
from study.studies.placement.answers.arms import Arm, Pair
from study.studies.placement.answers.compare import gap
from study.studies.placement.answers.words import interval, score
from study.words.phrases import margin as margin_words
from study.words.phrases import points
from study.words.scores import digits

MODULES, RANK, EITHER, UNTOLD = "more modules", "more rank", "either", "cannot be told"

Found = Mapping[str, Any]


def sentences(found: Found, pairs: Sequence[Pair], full: ArmRecord, confidence: float) -> list[str]:
    """Return the answer's sentences, of which the first says which.

    Args:
        found: the rest of the answer; pairs: of the wide placement and the narrow one.
    """
    wide, narrow = pairs[0].one.label, pairs[0].other.label
    measure = measure_in(full)
    said = [
        _first(found, wide, narrow, confidence, measure),
        *map(_of_pair, pairs),
        _short(pairs[-1], full, confidence),
        _by_gain(found, wide, narrow, measure),
        _by_probability(found, wide, confidence),
    ]
    return [sentence for sentence in said if sentence]


def no_pairs(wide: Arm, narrow: Arm) -> str:
    """Say that no two ranks train about as many parameters, and what would."""
    times = wide.parameters / wide.rank / (narrow.parameters / narrow.rank)
    return (
        f"**Not told**: at none of the ranks does LoRA in {wide.label} train about as many "
        f"parameters as LoRA in {narrow.label}. At one rank it trains {times:.2g} times as many, "
        "so ranks that lie as far apart would tell (`lora.ranks`, `placement/params.yaml:ranks`)."
    )


def _first(found: Found, wide: str, narrow: str, confidence: float, measure: Measure) -> str:
    start = "with about as many trained parameters, LoRA in"
    verdict, low, high = found["verdict"], found["low"], found["high"]
    if low is None:
        return "**Not told**: of one test sentence there is no interval."
    written = digits(measure)
    size, reach = points(found["difference"] / 100, written), interval(low, high, written)
    sure = f"{100 * confidence:g} % interval"
    if verdict == EITHER:
        return (
            f"**Either**: {start} {wide} and LoRA in {narrow} at a higher rank score within "
            f"{margin_words(found['margin'])} of each other ({sure} of the former less the latter: "
            f"{reach})."
        )
    if verdict == MODULES:
        return (
            f"**More modules**: {start} {wide} scores {size} more than LoRA in {narrow} at a "
            f"higher rank ({sure}: {reach})."
        )
    if verdict == RANK:
        return (
            f"**More rank**: {start} {narrow} at a higher rank scores {size} more than LoRA in "
            f"{wide} ({sure}: {interval(-high, -low, written)})."
        )
    side = "more" if found["difference"] >= 0 else "less"
    return (
        f"**We cannot tell yet**: {start} {wide} scores {size} {side} than LoRA in {narrow} at a "
        f"higher rank, but the {sure} is {reach}."
    )


def _of_pair(pair: Pair) -> str:
    one, other = (
        f"LoRA in {arm.at} trains {arm.parameters:,} parameters and scores {score(arm.record)}"
        for arm in (pair.one, pair.other)
    )
    return f"{one}; {other}."


def _short(pair: Pair, full: ArmRecord, confidence: float) -> str:
    """Say how far the two are from full fine-tuning where they train most."""
    written = digits(measure_in(full))
    said = []
    for arm in (pair.one, pair.other):
        row = gap(paired(arm.merits, merits(full)), confidence)
        side = "less" if row["difference"] < 0 else "more"
        size = f"{points(row['difference'] / 100, written)} {side}"
        reach = "" if row["low"] is None else f" ({interval(row['low'], row['high'], written)})"
        said.append(f"LoRA in {arm.at} scores {size}{reach}")
    return f"Full fine-tuning scores {score(full)}: {'; '.join(said)}."


def _by_gain(found: Found, wide: str, narrow: str, measure: Measure) -> str:
    modules, rank = found["gain_of_modules"], found["gain_of_rank"]
    if modules is None or modules["low"] is None:
        return ""
    by_modules, by_rank = (
        interval(row["low"], row["high"], digits(measure)) for row in (modules, rank)
    )
    return (
        f"From LoRA in {narrow} at the lower rank, more modules ({wide}, at the same rank) bring "
        f"{by_modules}; more rank in the same modules brings {by_rank}."
    )


def _by_probability(found: Found, wide: str, confidence: float) -> str:
    row = found["probability"]
    if row is None or row["low"] is None:
        return ""
    return (
        f"By the {MEASURE}, a sharper measure than right and wrong, LoRA in {wide} scores "
        f"{interval(row['low'], row['high'])} ({100 * confidence:g} % interval)."
    )
