"""Claims that rest on cutting a tuned model's update down, or on taking a part of it out.

What is left was tuned together with what is gone. So a model that keeps its accuracy shows that the
rest was not needed, and one that loses it shows nothing: trained by itself, what is left may do as
well (metrics/capacity.json).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from study.analyses.results.sweep import seed_merits
from study.claims.advice import run, with_ranks
from study.claims.estimates import Estimate, published
from study.claims.evidence import Study, part
from study.claims.statements import Statement, above, within
from study.claims.verdicts import CannotTell, Verdict
from study.records.arm_names import FULL, LORA
from study.words.phrases import counted, margin, percent, points

SMALL = 8
"""The rank that the sources call small."""

Record = Mapping[str, Any]


def small_rank_does_the_task(study: Study) -> Verdict:
    """Full fine-tuning's update cut to rank 8 or less keeps its accuracy within the middle margin.

    Cut by the Eckart-Young optimum for the layers' outputs. Nothing can be told where the head
    alone, trained by itself, is not much worse: then no matrix needs an update. (That is not asked
    of the tuned model with its updates taken out, whose head was tuned together with them.)
    """
    curve = part(study.capacity, "capacity", "curves", "weighted")
    rows = [row for row in curve if row["rank"] <= SMALL]
    if not rows:
        command = with_ranks(study.ranks, SMALL)
        raise CannotTell(f"the sweep has no rank of {SMALL} or less: {command}")
    none = study.gain(study.head_only, study.full)
    if none.interval(study.alpha)[1] > -study.similar:
        raise CannotTell(
            "we cannot say that the head alone is much worse than full fine-tuning, so the "
            "matrices may need no update at all",
            head_alone_minus_full=none.value,
        )
    row = max(rows, key=lambda row: int(row["rank"]))
    what = f"the update cut to rank {row['rank']} minus the whole update"
    return _kept(
        study,
        above(what, _gap(study, row), -study.similar, "points"),
        f"whether the fully tuned model loses less than {margin(study.similar)} of {study.on_test} "
        f"when the update of every matrix is cut to the largest rank up to {SMALL}. Beside it "
        "stands how far the head alone is below full fine-tuning",
        f"its update cut to rank {row['rank']}",
        f"An update trained at that rank may do better, in all linear layers: "
        f"{other_targets(study)}",
        head_alone_minus_full=none.value,
    )


def rest_adds_little(study: Study) -> Verdict:
    """Of full fine-tuning's update the adapted matrices' part alone is within the middle margin.

    All else but the head is pretrained there, in matrices that were tuned together.
    """
    alone = part(study.capacity, "capacity", "target_modules_alone")
    kinds = " and ".join(
        sorted({name.split(".")[-1] for name in _modules(study, "target_modules")})
    )
    reached = [float(np.mean(seed_merits(study.lora(rank)))) for rank in study.ranks]
    ends = " to ".join(dict.fromkeys(percent(end) for end in (min(reached), max(reached))))
    return _kept(
        study,
        above(
            f"{kinds} alone minus the whole update", _gap(study, alone), -study.similar, "points"
        ),
        f"whether the fully tuned model loses less than {margin(study.similar)} of {study.on_test} "
        "when all but its head and the matrices that LoRA adapts are set back to the pretrained "
        "ones",
        f"only the update of {kinds} kept",
        f"LoRA, trained in {kinds} alone, reaches {ends}. {other_targets(study)} trains the "
        "others too, and beside this study, in `dvc exp show`, would tell",
    )


def _kept(
    study: Study, statement: Statement, why: str, with_this: str, instead: str, **more: Any
) -> Verdict:
    """Judge that a tuned model keeps its accuracy when a part of its update is taken out.

    If it does, that is shown. If it does not, nothing is: what was left had been tuned together
    with what was taken out, and tuned by itself it may do as well. Only training tells.

    Args:
        with_this: what was left, in words; instead: which training would tell.

    Raises:
        CannotTell: the accuracy that was measured is below the limit.
    """
    found = study.every([statement], why, **more)
    if statement.distance() >= 0:
        return found
    raise CannotTell(
        f"with {with_this}, the fully tuned model loses {points(statement.estimate.value / 100)} "
        f"of {study.on_test}. But that was tuned together with what was taken out, so it does not "
        f"say how good it is when it is trained by itself. {instead}",
        **found.numbers,
    )


def other_targets(study: Study) -> str:
    """Return the command that adapts every linear layer of the model."""
    every = sorted({name.split(".")[-1] for name in _modules(study, "modules")})
    return run(f"lora.target_modules=[{','.join(every)}]")


def lora_is_low_rank_approximation(study: Study) -> Verdict:
    """At every rank LoRA is as accurate as full fine-tuning's update cut to that rank.

    Cut in the better of the two ways that the capacity stage cuts it. Nothing can be told where
    LoRA adapts other matrices than those that are cut: then it is another update of other places.
    """
    adapted, every = _modules(study, "target_modules"), _modules(study, "modules")
    if set(adapted) != set(every):
        raise CannotTell(
            f"full fine-tuning's update is cut in {counted(len(every), 'matrix', 'matrices')}, "
            f"which were tuned together, and LoRA is trained in {len(adapted)} of them. Trained in "
            f"the same ones it would tell: {other_targets(study)}"
        )
    curves = part(study.capacity, "capacity", "curves")
    by_seed = {
        (kind, row["rank"]): np.array(row["by_seed"]) for kind in curves for row in curves[kind]
    }
    statements: list[Statement] = []
    for row in part(study.capacity, "capacity", "readings"):
        rank, kind, found = row["rank"], row["truncation"], row["lora_to_truncated"]
        apart = by_seed[LORA, rank] - by_seed[kind, rank]
        ends = {f"points_{end}": found[end] for end in ("low", "high")}
        estimate = _published(study, {"points": found["points"]} | ends, "points", list(apart))
        what = f"LoRA of rank {rank} minus full fine-tuning's update cut to it"
        statements += within(what, estimate, study.similar, "points")
    return study.every(
        statements,
        "whether at every rank LoRA and full fine-tuning's update cut to the same rank lie less "
        f"than {margin(study.similar)} apart in {study.on_test}",
    )


def _gap(study: Study, row: Record) -> Estimate:
    """Return a curve's gap to full fine-tuning."""
    of_full = part(study.capacity, "capacity", FULL, "by_seed")
    by_seed: Sequence[float] = list(np.array(row["by_seed"]) - np.array(of_full))
    return _published(study, row, "gap_to_full", by_seed)


def _published(study: Study, record: Record, key: str, by_seed: Sequence[float]) -> Estimate:
    return published(
        record, key, by_seed, part(study.capacity, "capacity", "sentences"), study.alpha
    )


def _modules(study: Study, key: str) -> list[str]:
    found: list[str] = part(study.capacity, "capacity", key)
    return found
