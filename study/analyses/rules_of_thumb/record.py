"""What the rules of thumb would have picked, against the rank that the study recommends.

Rules of a spectrum give every matrix its own rank: the mean over seeds, of which the median over
the matrices that LoRA adapts is taken, rounded up, with the smallest and largest beside it. For the
comparison a pick is rounded up to the next rank of the study, since no other was trained: a pick
below the smallest one therefore counts as that.

    measured   recommended: the rank, by one standard error on `split`, which is validation;
               chosen_in: the share of resamples that choose it; equivalent: margin in points: the
               smallest rank shown to be equivalent to full fine-tuning on test, or None
    rules      rule, source, rank, low, high, range, verdict, numbers
    notes      what is no rank rule, and why

Every rule, and the recommendation, knows nothing of the test sentences; how ranks do on test is
told elsewhere. `range` says whether the rule names any rank from `low` to `high`; its `rank` is
None. `verdict` is held against the recommended rank: "right", "too large by a factor of k", "too
small", or "cannot be told". `numbers` has the rank that was compared, the factor, the same verdict
against every margin, the median before rounding, and `right_in`: the share of resamples of seeds
and validation sentences that recommend the pick, since the recommendation is an estimate too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

Record = Mapping[str, Any]

CHOICE = "one standard error on validation"  # among the rules that were resampled
RIGHT = "right"
TOO_SMALL = "too small"
CANNOT_BE_TOLD = "cannot be told"

NOTES = (
    "alpha = 2r sets the scale of the update and says nothing about the rank.",
    "No threshold of the gradient rule was found in print: LoRA-GA and LoRA-One take the top "
    "singular vectors of the gradient for a rank that is given, GoRA shares out a given budget. "
    "The share of the energy rule is taken here.",
    "The rules of the full update need full fine-tuning first, which LoRA is there to save.",
)


@dataclass(frozen=True)
class Pick:
    """What a rule says.

    Attributes:
        rank: None where it names a range, or says nothing
        low, high: over matrices, or of a rule that names a range
        exact: the rank before rounding
        is_range: whether any rank from low to high follows the rule
        reason: why there is no rank
    """

    rank: int | None
    low: int | None
    high: int | None
    exact: float | None = None
    matrices: int | None = None
    is_range: bool = False
    reason: str | None = None


@dataclass(frozen=True)
class Rule:
    """A rule of thumb, where it comes from, and its pick."""

    name: str
    source: str
    pick: Pick


def rules_record(spectra: Record, sufficient: Record) -> dict[str, Any]:
    """Score every rule.

    Args:
        spectra: `metrics/spectra.json`
        sufficient: `metrics/sufficient_rank.json`
    """
    ranks = spectra["settings"]["ranks"]
    recommended = sufficient["recommended"]
    best = recommended["rank"]
    margins = {f"{row['margin']:g}": row["rank"] for row in sufficient["equivalence"]}
    chosen = sufficient.get("choice", {}).get(CHOICE)
    rows = []
    for rule in rules(spectra):
        pick = rule.pick
        words, factor = verdict(pick, best, ranks)
        numbers: dict[str, Any] = {
            "compared": compared(pick, best, ranks),
            "factor": factor,
            "against_margins": {m: verdict(pick, rank, ranks)[0] for m, rank in margins.items()},
            "right_in": right_in(pick, chosen, ranks),
        }
        for key, value in (("median", pick.exact), ("matrices", pick.matrices)):
            if value is not None:
                numbers[key] = value
        if pick.reason:
            numbers["reason"] = pick.reason
        rows.append(
            {
                "rule": rule.name,
                "source": rule.source,
                "rank": pick.rank,
                "low": pick.low,
                "high": pick.high,
                "range": pick.is_range,
                "verdict": words,
                "numbers": numbers,
            }
        )
    return {
        "measured": {
            "recommended": best,
            "split": recommended["split"],
            "chosen_in": (chosen or {}).get(str(best)),
            "equivalent": margins,
        },
        "rules": rows,
        "notes": list(NOTES),
    }


def rules(spectra: Record) -> Iterator[Rule]:
    """Yield every rule with its pick."""
    share = spectra["settings"]["energy"]
    full = [row for row in spectra["full"] if row["target"]]
    largest = max(spectra["settings"]["ranks"])
    lora = [row for row in spectra["lora"] if row["rank"] == largest]
    of_full = "of full fine-tuning's update"
    yield Rule(
        f"{100 * share:g} % of the energy {of_full}",
        "common for spectra; squared singular values",
        spectral(full, "energy_rank"),
    )
    yield Rule(
        f"Effective rank {of_full}", "Roy and Vetterli 2007", spectral(full, "effective_rank")
    )
    yield Rule(
        f"Stable rank {of_full}",
        "numerical linear algebra; squared Frobenius over squared spectral norm",
        spectral(full, "stable_rank"),
    )
    yield Rule(
        f"{100 * share:g} % of the energy of the gradient at the start",
        "after LoRA-GA (arXiv 2407.05000) and LoRA-One (arXiv 2502.01235)",
        spectral(spectra["gradient"], "energy_rank"),
    )
    for threshold in ("0.5", "0.7"):
        yield Rule(
            f"PEFT's threshold {threshold} {of_full}",
            "PEFT, convert_to_lora; its guide's examples",
            spectral(full, "peft_ranks", threshold),
        )
    yield Rule(
        f"PEFT's threshold 0.95 of the LoRA of rank {largest}",
        "PEFT, convert_to_lora; the threshold that loses least in its guide",
        spectral(lora, "peft_ranks", "0.95"),
    )
    yield Rule(
        "r = 8",
        "Write-up 1 (LoRA experiments); write-up 5 (Section 9.2: LoRA); PEFT's default",
        Pick(8, 8, 8),
    )
    yield Rule("Start small: 4 to 16", "Write-up 4 (LoRA notes)", Pick(None, 4, 16, is_range=True))
    yield Rule("r = 32, the standard choice", "Write-up 3 (LoRA rank comparison)", Pick(32, 32, 32))


def spectral(rows: Sequence[Record], key: str, inner: str | None = None) -> Pick:
    """Pick one rank from a row for every matrix and seed.

    Args:
        key: of the row, whose value is a rank, perhaps with a fraction, or None
        inner: of the mapping that stands there, if one does
    """
    by_matrix: dict[str, list[float]] = {}
    for row in rows:
        value = row.get(key) if inner is None else row.get(key, {}).get(inner)
        if value is not None:
            by_matrix.setdefault(row["module"], []).append(value)
    if not by_matrix:
        return Pick(None, None, None, reason="no matrix has a spectrum: nothing was learned")
    means = [fmean(values) for values in by_matrix.values()]
    low, middle, high = min(means), median(means), max(means)
    return Pick(_up(middle), _up(low), _up(high), exact=middle, matrices=len(means))


def verdict(pick: Pick, measured: int | None, ranks: Sequence[int]) -> tuple[str, float | None]:
    """Hold a pick against the measured rank; also the factor between them."""
    rank = compared(pick, measured, ranks)
    if measured is None or rank is None:
        return CANNOT_BE_TOLD, None
    factor = rank / measured
    if rank == measured:
        return RIGHT, factor
    if rank > measured:
        return f"too large by a factor of {factor:.3g}", factor
    return TOO_SMALL, factor


def right_in(pick: Pick, chosen: Mapping[str, float] | None, ranks: Sequence[int]) -> float | None:
    """Return the share of resamples in which the pick is the rank that is chosen.

    Args:
        chosen: rank, or "none", to its share of resamples; None if nothing was resampled
    """
    if chosen is None or (pick.rank is None and not pick.is_range):
        return None
    return sum(
        share
        for rank, share in chosen.items()
        if rank.isdecimal() and compared(pick, int(rank), ranks) == int(rank)
    )


def compared(pick: Pick, measured: int | None, ranks: Sequence[int]) -> int | None:
    """Round a pick up to the next rank of the study; beyond the largest it stays.

    Of a range, the rank that is nearest to the measured one counts.
    """
    rank = pick.rank
    if pick.is_range and measured is not None:
        assert pick.low is not None
        assert pick.high is not None
        rank = min(max(measured, pick.low), pick.high)
    return None if rank is None else min((r for r in ranks if r >= rank), default=rank)


def _up(rank: float) -> int:
    return math.ceil(rank - 1e-9)
