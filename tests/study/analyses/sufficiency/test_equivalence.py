"""Verdicts: few enough are wrong, more seeds make more of them, Holm as statsmodels has it."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import ttost_paired

from study.analyses.sufficiency.equivalence import equivalent, judge, step_down, verdicts
from study.analyses.sufficiency.verdicts import BETTER, EQUIVALENT, UNTOLD, WORSE
from study.statistics.crossed import crossed
from tests.study.analyses.sufficiency.simulated import at_most, differences, repeated, study

ALPHA = 0.05
MARGIN = 0.1


def with_mean(mean: float, seeds: int = 4, sentences: int = 4000):
    """A difference of about this mean, seeds alike."""
    wrong = round(abs(mean) * sentences)
    row = np.zeros(sentences)
    row[:wrong] = np.sign(mean)
    return crossed(np.stack([np.roll(row, 7 * seed) for seed in range(seeds)]))


def test_each_verdict_where_the_data_are_clear():
    means = [-0.2, -0.101, -0.05, 0.0, 0.05, 0.2]
    verdicts = [each.verdict for each in judge([with_mean(m) for m in means], MARGIN, ALPHA)]
    assert verdicts == [WORSE, UNTOLD, EQUIVALENT, EQUIVALENT, EQUIVALENT, BETTER]


def test_a_verdict_is_the_one_whose_p_value_is_small():
    for judged in judge([with_mean(m) for m in (-0.2, -0.1, 0.0, 0.2)], MARGIN, ALPHA):
        p = {
            EQUIVALENT: judged.p_equivalent,
            WORSE: judged.p_worse,
            BETTER: judged.p_better,
        }
        small = [verdict for verdict, value in p.items() if value <= ALPHA]
        assert small == ([] if judged.verdict == UNTOLD else [judged.verdict])


def test_over_seeds_alone_it_is_the_paired_test_of_statsmodels():
    first, second = np.array([0.8, 0.78, 0.83, 0.81]), np.array([0.79, 0.8, 0.82, 0.79])
    theirs = ttost_paired(first, second, -0.03, 0.03)[0]
    ours = judge([crossed(np.repeat((first - second)[:, None], 10_000, axis=1))], 0.03, ALPHA)
    assert ours[0].p_equivalent == pytest.approx(theirs, rel=0.01)


def test_more_ranks_ask_for_more_of_each():
    alone = judge([with_mean(-0.08)], MARGIN, ALPHA)[0]
    beside = judge([with_mean(-0.08), *[with_mean(-0.1)] * 5], MARGIN, ALPHA)[0]
    assert beside.p_equivalent == pytest.approx(6 * alone.p_equivalent)


def test_a_rank_beside_clear_ones_is_asked_no_more_than_alone():
    """Holm's last step: what the clear ones used up is free again."""
    alone = judge([with_mean(-0.088)], MARGIN, ALPHA)[0].p_equivalent
    beside = judge([with_mean(-0.088), with_mean(0.0), with_mean(0.01)], MARGIN, ALPHA)[0]
    assert beside.p_equivalent == pytest.approx(alone)


def test_verdicts_in_draws_are_those_of_judge():
    rng = np.random.default_rng(3)
    seen = set()
    for _ in range(60):
        accuracies = [*rng.uniform(0.6, 0.95, rng.integers(1, 6)), 0.78]
        of_arms = differences(study(rng, accuracies, 6, 250))
        judged = [each.verdict for each in judge(of_arms, 0.09, ALPHA)]
        shown = equivalent(of_arms, 0.09, ALPHA)[:, 0]
        assert shown.tolist() == [verdict == EQUIVALENT for verdict in judged]
        assert verdicts(of_arms, 0.09, ALPHA) == judged
        seen |= set(judged)
    assert seen == {EQUIVALENT, WORSE, BETTER, UNTOLD}


def test_step_down_is_holms_procedure():
    rng = np.random.default_rng(0)
    of_arms = differences(study(rng, [0.7] * 5 + [0.75], 3, 300))
    for _ in range(200):
        distances = rng.uniform(-0.02, 0.25, (5, 1))
        p = [d.p_value(float(x)) for d, x in zip(of_arms, distances[:, 0], strict=True)]
        theirs = multipletests(p, ALPHA, method="holm")[0]
        assert step_down(distances, of_arms, ALPHA)[:, 0].tolist() == theirs.tolist()


# --- With a known truth --------------------------------------------------------------------------


@pytest.mark.parametrize("of_run", [0.05, 0.15])
def test_at_a_true_difference_of_the_margin_few_studies_call_a_rank_equivalent(of_run):
    measured = repeated(1500, [0.7, 0.8], 3, 300, of_run=of_run)
    rate = equivalent(measured, MARGIN, ALPHA)[0].mean()
    assert 0.02 <= rate <= at_most(ALPHA, 1500)


@pytest.mark.parametrize("accuracies", [[0.7] * 6, [0.7] * 3 + [0.8] * 3], ids=["all", "half"])
def test_over_all_ranks_few_studies_have_any_wrong_verdict(accuracies):
    """Where all six, or three beside three equal ones, lie exactly at the margin."""
    measured = repeated(2000, [*accuracies, 0.8], 3, 200, of_run=0.1)
    at_margin = [mean == 0.7 for mean in accuracies]
    called = equivalent(measured, MARGIN, ALPHA)[at_margin]
    worse = step_down(np.stack([-MARGIN - d.mean for d in measured]), measured, ALPHA)[at_margin]
    assert called.any(axis=0).mean() <= at_most(ALPHA, 2000)
    assert worse.any(axis=0).mean() <= at_most(ALPHA, 2000)


def test_more_seeds_find_more_equal_ranks_equivalent():
    rates = [
        equivalent(repeated(300, [0.8, 0.8, 0.8], seeds, 300), 0.06, ALPHA).mean()
        for seeds in (3, 6, 12)
    ]
    assert rates[0] < 0.7
    assert rates[0] + 0.2 < rates[1] <= rates[2]
    assert rates[2] > 0.95
