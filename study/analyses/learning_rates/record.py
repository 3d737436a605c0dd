"""Learning rates: the best by rank, how it goes with the rank, and what one rate for all would do.

The best rate of an arm is the one that validation picked, on the mean over seeds. How certain it is
follows from a bootstrap over seeds, the same draws for all arms: what other seeds would have picked
on the same validation sentences. Three seeds show little of that, and the choice of sentences none.
A best rate, its ratio and its exponent are no means over sentences, for which
`study.statistics.crossed` is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from study.analyses.learning_rates.exponent import at_edge as edge
from study.analyses.learning_rates.exponent import exponent
from study.analyses.learning_rates.forced import conclusions, forced
from study.analyses.results.sweep import Sweep, measure_in
from study.metrics.measure import ACCURACY
from study.records.arm_names import LORA
from study.records.runs import ArmRecord
from study.settings.statistics import StatisticsSettings
from study.statistics.resampling import Floats, percentile_interval
from study.words.phrases import listed

EXPECTED_RATIO = 10.0


def learning_rates(results: Sweep, scaling: str, statistics: StatisticsSettings) -> dict[str, Any]:
    """Return what `metrics/learning_rate.json` holds. Accuracies are fractions.

    Where the study's metric is another than accuracy, `metric` names it, and scores are by it.

    - `arms`: see `_arm`.
    - `exponent`: see `study.analyses.learning_rates.exponent`.
    - `ratio_to_full`: see `_ratios`; `ratio_expected`, about 10, is by "LoRA without regret"
      (Schulman et al. 2025).
    - `conclusions` with every rank at its own best rate, and `forced`: those that turn over with
      one rate for all ranks, rate by rate (`study.analyses.learning_rates.forced`).

    What cannot be told has a `reason` instead.
    """
    arms = (results.head_only, *results.lora.values(), results.full)
    best = {(arm.arm, arm.rank): _resampled_best(arm, statistics) for arm in arms}
    lora = [arm for arm in arms if arm.arm == LORA]
    at_own = conclusions(results, None, statistics)
    metric = results.full.metric
    return {
        **({} if metric == ACCURACY else {"metric": metric}),
        "arms": [_arm(arm, best[arm.arm, arm.rank]) for arm in arms],
        "exponent": exponent(
            lora, [best[arm.arm, arm.rank] for arm in lora], scaling, statistics.confidence
        ),
        "ratio_to_full": _ratios(lora, results.full, best, statistics.confidence),
        "ratio_expected": EXPECTED_RATIO,
        "conclusions": at_own,
        "forced": forced(results, at_own, statistics),
        "scaling": scaling,
        "confidence": statistics.confidence,
        "resamples": statistics.resamples,
        "seeds": len(results.full.picked()),
    }


def _validation(arm: ArmRecord) -> Floats:
    """Return scores on validation, (num_rates, num_seeds), of rates trained whole, ascending."""
    by_run = {(run.learning_rate, run.seed): run.validation_score for run in arm.runs}
    seeds = [run.seed for run in arm.picked()]
    return np.array([[by_run[rate, seed] for seed in seeds] for rate in sorted(arm.whole_rates)])


def _resampled_best(arm: ArmRecord, statistics: StatisticsSettings) -> Floats:
    """Return the best rate in every resample of the seeds, (resamples,), of those trained whole.

    Of two that are equal the smaller one, as when the arm was trained. What other seeds would have
    dropped early is not resampled.
    """
    merits = measure_in(arm).merits(_validation(arm))
    num_seeds = merits.shape[1]
    stream = np.random.default_rng(statistics.seed)
    drawn = stream.integers(0, num_seeds, (statistics.resamples, num_seeds))
    means = merits[:, drawn].mean(axis=2).round(12)  # (rates, resamples)
    best: Floats = np.sort(np.array(arm.whole_rates))[means.argmax(axis=0)]
    return best


def _arm(arm: ArmRecord, resampled: Floats) -> dict[str, Any]:
    """Return an arm's rates that were trained whole, ascending, and the `best`.

    - `rates`: means over seeds of the score on validation and test, and `chosen`, the share of
      resamples in which a rate is the best; None with one seed or rate.
    - `dropped`: where early exit left some out, their `rate`, the mean score on `validation` after
      `step` of `steps`, by which it went (None: a run diverged).
    - `at_edge`: "lowest" or "highest" if no rate beyond the best was tried on that side.
    - `reason`: what cannot be told of it, or None.
    """
    rates, several_seeds = sorted(arm.whole_rates), len(arm.picked()) > 1
    validation, told = _validation(arm).mean(axis=1), several_seeds and len(rates) > 1
    tried, edge = sorted(arm.learning_rates), None
    if len(tried) > 1 and arm.learning_rate in (tried[0], tried[-1]):
        edge = "lowest" if arm.learning_rate == tried[0] else "highest"
    return {
        "arm": arm.arm,
        "rank": arm.rank,
        "rates": [
            {
                "rate": rate,
                "validation": float(score),
                "test": _test(arm, rate),
                "chosen": float(np.mean(resampled == rate)) if told else None,
            }
            for rate, score in zip(rates, validation, strict=True)
        ],
        **_dropped(arm),
        "best": arm.learning_rate,
        "at_edge": edge,
        "reason": _unsure(tried, edge, several_seeds),
    }


def _dropped(arm: ArmRecord) -> dict[str, Any]:
    """Return the rates that an arm did not train whole; nothing where there are none."""
    early = arm.early_exit
    if early is None or not early.dropped:
        return {}
    steps = {"step": early.step, "steps": early.steps}
    return {
        "dropped": [
            {"rate": row.learning_rate, "validation": row.score, **steps}
            for row in early.rates
            if row.dropped
        ]
    }


def _unsure(rates: Sequence[float], edge: str | None, several_seeds: bool) -> str | None:
    if len(rates) == 1:
        return f"only {rates[0]:g} was tried, so nobody knows whether another rate is better"
    reasons = []
    if edge:
        beyond = "smaller" if edge == "lowest" else "larger"
        reasons.append(f"the best is the {edge} rate tried: a {beyond} one may be better")
    if not several_seeds:
        reasons.append("with one seed nobody knows how certain the best rate is")
    return "; ".join(reasons) or None


def _test(arm: ArmRecord, rate: float) -> float:
    """Return the mean score on test over seeds at a rate."""
    return float(np.mean([run.test_score for run in arm.runs if run.learning_rate == rate]))


def _ratios(
    lora: Sequence[ArmRecord],
    full: ArmRecord,
    best: Mapping[tuple[str, int | None], Floats],
    confidence: float,
) -> list[dict[str, Any]]:
    """Return LoRA's best rate over full fine-tuning's, by rank, with its interval over seeds.

    `reason` says why it tells nothing of best rates, where it does not.
    """
    rows = []
    for arm in lora:
        both = (("LoRA", arm), ("full fine-tuning", full))
        alone = [name for name, each in both if len(each.learning_rates) == 1]
        reason = None
        at_edge = [name for name, each in both if edge(each)]
        if alone:
            reason = f"one rate was tried in {listed(alone)}, so the ratio is that of the settings"
        elif at_edge:
            reason = f"{listed(at_edge)}'s best is at the edge of what was tried"
        row: dict[str, Any] = {
            "rank": arm.rank,
            "ratio": arm.learning_rate / full.learning_rate,
            "low": None,
            "high": None,
            "reason": reason,
        }
        if len(arm.picked()) > 1 and min(len(each.whole_rates) for _, each in both) > 1:
            ratios = best[arm.arm, arm.rank] / best[full.arm, full.rank]
            row |= vars(percentile_interval(ratios, confidence))
        rows.append(row)
    return rows
