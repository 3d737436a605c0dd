"""What the write-ups claim of methods, with verdicts by the rules of `study.claims.statements`.

Nothing here took a clock: what is counted is true or false, what is measured are accuracies, paired
over seeds and sentences.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from study.analyses.results.sweep import measure_in
from study.claims.paired import answer, unanswered
from study.claims.statements import above, every
from study.claims.verdicts import exactly
from study.records.arm_names import FULL
from study.records.runs import ArmRecord
from study.studies.methods.comparison.names import label
from study.studies.methods.comparison.quality import less
from study.words.phrases import listed, share

Row = Mapping[str, Any]

KEPT = 0.95  # of full fine-tuning's accuracy: what the write-up's "95 to 100 %" asks for at least
FEW = 0.05  # of the parameters: fewer are few, as for LoRA in `study.claims.near`
_TABLE = ("lora", "qlora", "adapter", "prefix")  # that the write-up compares with each other
_POINTS = "points"
_answer = partial(answer, sentences="data.test_size", pipeline="methods/dvc.yaml")


@dataclass(frozen=True)
class Case:
    """What the claims are about.

    Attributes:
        rows: of the comparison; records: of those that were trained, by name.
        alpha: the error rate of an interval's two sides together.
    """

    rows: Sequence[Row]
    records: Mapping[str, ArmRecord]
    alpha: float

    def row(self, name: str) -> Row:
        """Return the row of a method that was trained."""
        return next(row for row in self.rows if row["name"] == name)

    def missing(self, *names: str) -> str | None:
        """Say which of these methods were not trained, and why; None if all were."""
        reasons = {row["name"]: row.get("reason") for row in self.rows}
        absent = [
            f"{label(name)} was not trained: "
            + (reasons.get(name) or "it is not among the settings' methods")
            for name in names
            if name not in self.records
        ]
        return "; ".join(absent) or None


def claims(case: Case) -> list[dict[str, Any]]:
    """Return claim, verdict and numbers of each."""
    judged = (
        ("Adapters and prefix tuning train few parameters too.", ("adapter", "prefix"), _few),
        (
            f"LoRA keeps {share(KEPT)} or more of full fine-tuning's quality.",
            ("lora",),
            partial(_kept, ("lora",)),
        ),
        (
            f"Adapters and prefix tuning keep {share(KEPT)} or more of it too.",
            ("adapter", "prefix"),
            partial(_kept, ("adapter", "prefix")),
        ),
        ("Of LoRA, QLoRA, adapters and prefix tuning, LoRA alone can be merged.", _TABLE, _merge),
        ("On a base in 4 bits LoRA holds fewer bytes of weights.", ("lora", "qlora"), _bytes),
        ("On a base in 4 bits LoRA takes less computing.", ("lora", "qlora"), _operations),
        ("LoRA on a quantised base needs tuning of its own.", ("lora", "qlora"), _tuning),
    )
    rows = []
    for claim, names, judge in judged:
        reason = case.missing(*names)
        rows.append(judge(case, claim) if reason is None else unanswered(claim, reason))
    large = "no very large model is trained here, and none on a GPU beside others"
    return [*rows, unanswered("With a base in 4 bits one GPU trains very large models.", large)]


def _counted(claim: str, true: bool, why: str, **numbers: float) -> dict[str, Any]:
    return {"claim": claim, "verdict": exactly(true), "numbers": numbers | {"why": why}}


def _few(case: Case, claim: str) -> dict[str, Any]:
    shares = {name: case.row(name)["trainable_share"] for name in ("adapter", "prefix")}
    said = listed([f"{label(name)} {share(part)}" for name, part in shares.items()])
    return _counted(
        claim,
        max(shares.values()) < FEW,
        f"counted: the shares that are trained, {said}; under {share(FEW)} counts as few",
        largest_share=max(shares.values()),
    )


def _kept(names: Sequence[str], case: Case, claim: str) -> dict[str, Any]:
    measure = measure_in(case.records[FULL])
    if not measure.in_percent:
        why = f"not defined for {measure.words}: it has no shares"
        return unanswered(claim, why)
    statements = [
        above(
            f"{label(name)} minus {share(KEPT)} of full fine-tuning",
            less(case.records[name], case.records[FULL], KEPT),
            0.0,
            _POINTS,
        )
        for name in names
    ]
    why = f"whether test {measure.words} is above {share(KEPT)} of full fine-tuning's, in points"
    return _answer(claim, every(statements, case.alpha), why)


def _merge(case: Case, claim: str) -> dict[str, Any]:
    able = {name: bool(case.row(name)["mergeable"]) for name in _TABLE}
    others = [
        row["label"] for row in case.rows if row["name"] not in _TABLE and row.get("mergeable")
    ]
    beside = f"; outside them, so did {listed(others)}" if others else ""
    return _counted(
        claim,
        able["lora"] and sum(able.values()) == 1,
        "tried, on what was trained: of the four, "
        f"{listed([label(name) for name, merges in able.items() if merges]) or 'none'} merged"
        f"{beside}. "
        "QLoRA was tried on its base in 4 bits. It could be merged into that base's dequantised "
        "weights, but these are no longer in 4 bits",
        merged=sum(able.values()),
    )


def _bytes(case: Case, claim: str) -> dict[str, Any]:
    own, other = (case.row(name)["base_bytes"] for name in ("qlora", "lora"))
    return _counted(
        claim,
        own < other,
        "counted: bytes of the frozen base's weights while it trains, as a share of LoRA's, "
        f"{share(own / other)}. Training holds more than weights: its peak stands under Cost",
        share_of_lora=own / other,
    )


def _operations(case: Case, claim: str) -> dict[str, Any]:
    own, other = (case.row(name)["flops_per_token"] for name in ("qlora", "lora"))
    return _counted(
        claim,
        own < other,
        "counted: operations of matrix products a token of training, as a share of LoRA's, "
        f"{share(own / other)}. Unpacking the 4 bits comes on top and is no matrix product; the "
        "time stands under Cost",
        share_of_lora=own / other,
    )


def _tuning(case: Case, claim: str) -> dict[str, Any]:
    """Judge by the learning rate: QLoRA at its own, picked by validation, and at LoRA's."""
    quantised, other = case.records["qlora"], case.records["lora"].learning_rate
    own, tried = quantised.learning_rate, quantised.learning_rates
    setting = "`methods/params.yaml:qlora.learning_rates`"
    if len(tried) == 1:
        return unanswered(
            claim,
            f"QLoRA has one learning rate here, {own:g}. Several in {setting}, with LoRA's "
            f"{other:g} among them, would settle it",
        )
    if other not in tried:
        return unanswered(
            claim,
            f"QLoRA was not tried at LoRA's learning rate, {other:g}: it belongs in {setting}",
        )
    if other not in quantised.whole_rates:
        return unanswered(
            claim,
            f"QLoRA at LoRA's learning rate, {other:g}, was dropped early: `train.early_exit` in "
            "`params.yaml` set to null trains it whole",
        )
    if own == other:
        why = f"validation picks the same learning rate for both, {own:g}. That shows no need"
        return unanswered(claim, f"{why}, but cannot show that there is none")
    gain = less(quantised, replace(quantised, learning_rate=other))
    what = f"QLoRA at its own learning rate, {own:g}, minus QLoRA at LoRA's, {other:g}"
    why = "whether QLoRA does better at its own learning rate; other settings were not tuned"
    return _answer(claim, every([above(what, gain, 0.0, _POINTS)], case.alpha), why)
