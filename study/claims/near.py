"""Claims that a rank is near full fine-tuning with few parameters.

Whether a rank is equivalent is taken from metrics/sufficient_rank.json at the middle margin, whose
tests are Holm's over ranks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from study.claims.advice import one_more_seed, with_ranks, with_seeds
from study.claims.evidence import Study, Test, part, rank_words
from study.claims.verdicts import FAILS, HOLDS, UNTOLD, CannotTell, Numbers, Verdict
from study.entry.errors import StudyError
from study.records.runs import ArmRecord
from study.words.phrases import margin, share

NEAR = ("equivalent", "better")
WORSE = "worse"
FEW = 0.05
"""The share of parameters that is left of 95 % fewer."""

Row = Mapping[str, Any]


def near_full(least: int, most: int, trained_share: float) -> Test:
    """Every rank from `least` to `most` is equivalent to full, with less than a share trained."""

    def test(study: Study) -> Verdict:
        ranks = [rank for rank in study.ranks if least <= rank <= most]
        if not ranks:
            command = with_ranks(study.ranks, least, most)
            raise CannotTell(f"the sweep has no rank from {least} to {most}: {command}")
        shares = {rank: share_of(study.lora(rank)) for rank in ranks}
        if max(shares.values()) >= trained_share:
            rank = max(shares, key=lambda rank: shares[rank])
            why = f"rank {rank} trains no less than {share(trained_share)} of the parameters"
            return Verdict(FAILS, why, {"rank": rank, "share": shares[rank]})
        rows = [_equivalence(study)[rank] for rank in ranks]
        worse = [row for row in rows if row["verdict"] == WORSE]
        unshown = [row for row in rows if row["verdict"] not in NEAR]
        deciding = min(worse, key=_p_worse) if worse else max(rows, key=_far)
        verdict = FAILS if worse else UNTOLD if unshown else HOLDS
        return Verdict(
            verdict,
            f"whether each of {rank_words(ranks)} comes within {margin(study.similar)} of full "
            f"fine-tuning, and trains less than {share(trained_share)} of the parameters"
            + _advice(study, verdict, deciding),
            _numbers(study, deciding) | {"largest_share": max(shares.values())},
        )

    return test


def comparable_with_few(study: Study) -> Verdict:
    """Some rank that trains 5 % of the parameters or less is equivalent to full fine-tuning.

    Refuted if each of them is worse by more than the margin.
    """
    few = [rank for rank in study.ranks if share_of(study.lora(rank)) <= FEW]
    if not few:
        raise CannotTell(
            "every rank of the sweep trains more than 5 % of the parameters: smaller `lora.ranks` "
            "or a larger `model.name` would tell"
        )
    rows = [_equivalence(study)[rank] for rank in few]
    near = [row for row in rows if row["verdict"] in NEAR]
    open_ = [row for row in rows if row["verdict"] not in (*NEAR, WORSE)]
    worse = not near and not open_
    deciding = near[0] if near else max(rows, key=_p_worse) if worse else min(open_, key=_far)
    verdict = HOLDS if near else FAILS if worse else UNTOLD
    return Verdict(
        verdict,
        f"whether any of {rank_words(few)} comes within {margin(study.similar)} of full fine-tuning"
        + _advice(study, verdict, deciding),
        _numbers(study, deciding) | {"share": share_of(study.lora(deciding["rank"]))},
    )


def share_of(arm: ArmRecord) -> float:
    """Return the share of the model with its adapter that the arm trains."""
    return arm.trainable_parameters / (arm.total_parameters + arm.adapter_parameters)


def _equivalence(study: Study) -> dict[int, Row]:
    """Return every rank's row on equivalence to full fine-tuning at the middle margin."""
    found = part(study.sufficient_rank, "sufficient_rank", "equivalence")
    at: dict[float, Sequence[Row]] = {row["margin"]: row["ranks"] for row in found}
    if study.similar not in at:
        raise StudyError(
            f"metrics/sufficient_rank.json: no margin {study.similar}; run `dvc repro "
            "sufficient_rank`"
        )
    return {row["rank"]: row for row in at[study.similar]}


def _numbers(study: Study, row: Row) -> Numbers:
    """Return how a rank stands to full fine-tuning, with the p values that gave its verdict."""
    return {
        "rank": row["rank"],
        "is": row["verdict"],
        "margin": study.similar,
        "difference": row["difference"],
        "standard_error": row["standard_error"],
        "p_equivalent": row["p_equivalent"],
        "p_worse": row["p_worse"],
        "p_better": row["p_better"],
        "correction": f"Holm over {len(study.ranks)} ranks",
    }


def _advice(study: Study, verdict: str, row: Row) -> str:
    if verdict != UNTOLD:
        return ""
    if len(study.full.picked()) == 1:
        return f". {one_more_seed()}"
    return f". {with_seeds(row['seeds_if_as_measured'], per_block=study.block_of())}"


def _far(row: Row) -> tuple[float, float]:
    """Return what grows the less a rank is shown to be near full fine-tuning."""
    return min(row["p_equivalent"], row["p_better"]), -row["difference"]


def _p_worse(row: Row) -> float:
    return float(row["p_worse"])
