"""The claim that one run is not enough, tested on pairs of seeds of one arm."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

from study.analyses.results.sweep import scores
from study.claims.advice import run as command
from study.claims.estimates import estimate
from study.claims.evidence import Study
from study.claims.statements import above, below
from study.claims.verdicts import CannotTell, Verdict
from study.statistics.crossed import crossed
from study.words.arms import arm_label
from study.words.phrases import margin


def seeds_matter(study: Study) -> Verdict:
    """Two seeds of some LoRA rank or of full fine-tuning differ by more than the least margin.

    Both are scored on the same sentences, so the interval is over sentences alone.
    """
    least = min(study.margins)
    statements = []
    for arm in (*study.results.lora.values(), study.full):
        seeds = [run.seed for run in arm.picked()]
        by_seed = dict(zip(seeds, scores(arm).astype(float), strict=True))
        for one, other in combinations(seeds, 2):
            found = estimate(crossed((by_seed[one] - by_seed[other])[None]))
            found = replace(
                found,
                over="test sentences",
                one_seed=False,
                setting="data.test_size",
                seeds=lambda distance, tail, power: None,
            )
            what = f"{arm_label(arm.arm, arm.rank)}, seed {one} minus seed {other}"
            statements += [
                above(what, found, least, "points"),
                below(what, found, -least, "points"),
            ]
    if not statements:
        raise CannotTell(f"one seed cannot be compared with another: {command('seeds=[0,1,2]')}")
    return study.some(
        statements,
        f"whether any two seeds of one arm differ by more than {margin(least)} in {study.on_test}",
    )
