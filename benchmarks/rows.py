"""The rows of the result: ours against Trainer, pair by pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from benchmarks.interleave import Measured
from benchmarks.pairs import KINDS
from benchmarks.study_cost import Sizes, Stage, our_seconds, trainer_seconds

BASELINES = ("default", "tuned")


def row(unit: str, ours: Sequence[float], theirs: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Return medians of seconds, and of the ratios of one round to the same round of ours.

    Args:
        unit: of what the seconds are.
        theirs: seconds in the same rounds, by baseline.
    """
    made: dict[str, Any] = {"unit": unit}
    for name in BASELINES:
        ratios = [a / b for a, b in zip(theirs[name], ours, strict=True)]
        made[f"ratio_to_{name}"] = median(ratios)
        made[f"ratio_to_{name}_range"] = [min(ratios), max(ratios)]
    made["seconds"] = {name: median(theirs[name]) for name in BASELINES} | {"ours": median(ours)}
    return made


def all_rows(
    measured: Mapping[str, Measured], stages: Sequence[Stage], sizes: Sizes
) -> dict[str, dict[str, Any]]:
    """Return every row by its name.

    Args:
        measured: by the names "ARM default", "ARM tuned", "ARM ours", and "lora ours together".
    """
    arms = ("lora", "full", "head_only")
    ours = {arm: measured[f"{arm} ours"] for arm in arms}
    together = measured["lora ours together"]
    theirs = {name: {arm: measured[f"{arm} {name}"] for arm in arms} for name in BASELINES}

    def steps(arm: str) -> dict[str, tuple[float, ...]]:
        return {name: theirs[name][arm].rounds for name in BASELINES}

    def listed(chosen: Sequence[Stage], unit: str) -> dict[str, Any]:
        rounds = range(max(len(ours[stage.arm].rounds) for stage in chosen))
        return row(
            unit,
            [sum(our_seconds(s, ours, together, sizes, i) for s in chosen) for i in rounds],
            {
                name: [
                    sum(trainer_seconds(s, theirs[name], sizes, i) for s in chosen) for i in rounds
                ]
                for name in BASELINES
            },
        )

    heads = [stage for stage in stages if stage.arm == "head_only"]
    others = [stage for stage in stages if stage.arm != "head_only"]
    per_run = [seconds / together.runs for seconds in together.rounds]
    return {
        "lora_step": row("a step of one run", ours["lora"].rounds, steps("lora")),
        "lora_step_together": row(
            f"a step of one run, {together.runs} runs at once", per_run, steps("lora")
        ),
        "full_step": row("a step of one run", ours["full"].rounds, steps("full")),
        "head_only": listed(
            heads, "all its runs, scaled from sampled steps (ours: measured whole)"
        ),
        "study": listed(stages, "the study's list of runs, scaled from sampled steps"),
        "study_without_head_only": listed(others, "the same without the head-only runs"),
    }


def causal_rows(measured: Mapping[str, Measured]) -> dict[str, dict[str, Any]]:
    """Return the rows of causal steps, of those that were measured.

    Args:
        measured: by the names "ROW default", "ROW tuned" and "ROW ours"; see `pairs.KINDS`.
    """
    return {
        name: row(
            "a step of one run",
            measured[f"{name} ours"].rounds,
            {kind: measured[f"{name} {kind}"].rounds for kind in BASELINES},
        )
        for name in KINDS
        if f"{name} ours" in measured
    }
