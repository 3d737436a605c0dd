"""The error of a mean over seeds and sentences crossed: its formula, its level, its coverage."""

from __future__ import annotations

import numpy as np
import pandas
import pytest
from scipy.stats import t as student
from scipy.stats import ttest_1samp
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from study.statistics.crossed import Crossed, crossed, crossed_interval
from study.statistics.resampling import Draws, draw
from tests.study.analyses.sufficiency.simulated import at_most, repeated, study

TRUE = -0.1  # accuracy .7 against .8
REPETITIONS = 2000
DESIGNS = [(1, 0.0), (3, 0.0), (3, 0.05), (3, 0.15), (5, 0.15)]  # seeds, luck of a run


def answers(seeds: int = 3, sentences: int = 40, seed: int = 0) -> np.ndarray:
    arm, full = study(np.random.default_rng(seed), [0.7, 0.8], seeds, sentences).astype(float)
    return arm - full


def test_the_mean_squares_are_those_of_a_two_way_analysis_of_variance():
    differences = answers(4, 30)
    rows = [(s, i, d) for s, row in enumerate(differences) for i, d in enumerate(row)]
    frame = pandas.DataFrame(rows, columns=["seed", "sentence", "d"])
    theirs = anova_lm(ols("d ~ C(seed) + C(sentence)", frame).fit())["mean_sq"] / 120
    ours = crossed(differences)
    assert ours.seeds[0] == pytest.approx(theirs["C(seed)"])
    assert ours.sentences[0] == pytest.approx(theirs["C(sentence)"])
    assert ours.rest[0] == pytest.approx(theirs["Residual"])
    assert ours.mean[0] == pytest.approx(differences.mean())


def test_the_variance_estimate_is_unbiased_where_seeds_and_sentences_vary():
    rng = np.random.default_rng(0)
    estimates = []
    for _ in range(1500):
        of_seed, of_sentence = rng.normal(size=(4, 1)), 2 * rng.normal(size=(1, 30))
        estimates.append(crossed(of_seed + of_sentence + rng.normal(size=(4, 30))))
    of_seed, of_sentence, of_rest = 1 / 4, 4 / 30, 1 / 120
    mean = {name: np.mean([getattr(e, name) for e in estimates]) for name in ("seeds", "sentences")}
    assert mean["seeds"] == pytest.approx(of_seed + of_rest, rel=0.1)
    assert mean["sentences"] == pytest.approx(of_sentence + of_rest, rel=0.1)
    variance = np.mean([e.standard_error() ** 2 for e in estimates])
    assert variance == pytest.approx(of_seed + of_sentence + of_rest, rel=0.07)


def test_seeds_that_agree_by_luck_leave_the_error_of_the_sentences():
    differences = np.stack([np.roll(answers(1)[0], 5 * seed) for seed in range(3)])
    measured = crossed(differences)  # all seeds have one mean, of other sentences
    assert measured.seeds[0] == pytest.approx(0, abs=1e-12)
    assert measured.standard_error()[0] == pytest.approx(np.sqrt(measured.sentences[0]))
    assert measured.degrees_of_freedom()[0] == pytest.approx(39)
    quantile = student.isf(0.05, 39)
    assert measured.half_width(0.05)[0] == pytest.approx(quantile * measured.standard_error()[0])


def test_with_one_seed_it_is_the_t_test_over_sentences():
    differences = answers(1, 200)
    measured, theirs = crossed(differences), ttest_1samp(differences[0], -0.25)
    own = differences.std(ddof=1) / np.sqrt(200)
    assert measured.standard_error()[0] == pytest.approx(own)
    assert measured.p_value(measured.mean[0] + 0.25) == pytest.approx(theirs.pvalue / 2)
    assert measured.degrees_of_freedom()[0] == pytest.approx(199)


def test_where_only_seeds_differ_it_is_the_t_test_over_seeds():
    of_seed = np.array([0.1, -0.2, 0.4, 0.0])
    measured = crossed(np.repeat(of_seed[:, None], 5000, axis=1))
    theirs = ttest_1samp(of_seed, -0.3)
    assert measured.p_value(measured.mean[0] + 0.3) == pytest.approx(theirs.pvalue / 2, rel=1e-3)
    assert measured.degrees_of_freedom()[0] == pytest.approx(3, rel=1e-3)


@pytest.mark.parametrize("distance", [-0.1, -0.01, 0.0, 0.004, 0.03, 0.2, 5.0])
def test_a_p_value_is_the_level_at_which_the_distance_is_the_half_width(distance):
    measured = crossed(answers(3, 400))
    p = measured.p_value(distance)
    assert measured.half_width(min(p, 1 - p))[0] == pytest.approx(abs(distance), rel=1e-6, abs=1e-9)
    assert (p <= 0.5) == (distance >= 0)


def test_a_p_value_that_is_too_small_to_tell_is_still_one():
    one = crossed(answers(1, 400))
    assert 0 < one.p_value(1e6) < 1e-50


def test_a_drawn_seed_or_sentence_stands_for_as_many_as_it_was_drawn():
    differences = answers(3, 12)
    for draws in draw(3, 12, 20, seed=1):
        together = crossed(differences, draws)
        for row in range(20):
            seeds, sentences = draws.times_seed[row], draws.times_sentence[row]
            table = differences.repeat(seeds.astype(int), 0).repeat(sentences.astype(int), 1)
            alone = crossed(table)
            for name in ("mean", "seeds", "sentences", "rest"):
                got, wanted = getattr(together, name)[row], getattr(alone, name)[0]
                assert got == pytest.approx(wanted, abs=1e-12)


def test_no_difference_on_few_sentences_is_no_proof_and_on_many_it_is():
    assert crossed(np.zeros((3, 10))).half_width(0.05)[0] > 0.2
    assert crossed(np.zeros((3, 3000))).half_width(0.05)[0] < 0.0011


def test_one_sentence_tells_nothing():
    measured = crossed(np.array([[1.0], [0.0]]))
    assert np.isinf(measured.half_width(0.05)[0])
    assert measured.p_value(0.5) == 1


def test_draws_are_weights_not_a_mask():
    draws = Draws(np.array([[2.0, 0.0]]), np.array([[1.0, 0.0, 2.0]]))
    differences = np.array([[1.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
    assert crossed(differences, draws).mean[0] == pytest.approx((1 - 2) / 3)


def width(d: np.ndarray, **more: object) -> float:
    interval = crossed_interval(d, 0.95, **more)
    return interval.high - interval.low


def test_an_interval_is_two_sided_around_the_mean():
    d = answers(3, 400)
    interval, measured = crossed_interval(d, 0.9), crossed(d)
    assert (interval.low + interval.high) / 2 == pytest.approx(d.mean())
    assert (interval.high - interval.low) / 2 == pytest.approx(measured.half_width(0.05)[0])


def test_the_interval_of_one_seed_is_students_over_sentences():
    right = np.random.default_rng(0).random((1, 300)) < 0.8
    theirs = ttest_1samp(right[0].astype(float), 0).confidence_interval(0.95)
    ours = crossed_interval(right, 0.95)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))


def test_the_interval_of_seeds_that_are_all_the_variance_is_students_over_seeds():
    of_seed = np.array([0.1, 0.5, 0.3])
    theirs = ttest_1samp(of_seed, 0).confidence_interval(0.95)
    ours = crossed_interval(of_seed[:, None] + np.zeros((3, 5000)), 0.95)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), rel=1e-3)


def test_seeds_that_agree_in_everything_add_nothing():
    one = answers(1, 400)
    assert width(np.repeat(one, 4, axis=0)) == pytest.approx(width(one), rel=1e-9)


def test_an_interval_turns_its_sign_with_the_order_and_does_not_mind_the_order_of_sentences():
    d = answers(3, 200)
    there, back = crossed_interval(d, 0.95), crossed_interval(-d[:, ::-1], 0.95)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))


def test_an_interval_of_answers_scales_with_no_unit_but_one_of_real_numbers_does():
    """Divergences of a thousandth nat are not rare answers, whatever their unit."""
    nats = np.random.default_rng(0).exponential(1e-3, (3, 500))
    of_nats = width(nats, counts=False)
    assert of_nats == pytest.approx(1e-3 * width(1e3 * nats, counts=False))
    assert of_nats < 0.0005
    assert width(np.zeros((3, 500)), counts=False) == 0


@pytest.mark.parametrize("d", [np.zeros((3, 300)), np.ones((3, 300)), -np.ones((3, 300))])
def test_answers_that_are_all_alike_still_leave_some_room(d: np.ndarray):
    """3 of 300 may go unseen, among answers as among differences."""
    assert width(d) == pytest.approx(2 * 1.968 * np.sqrt(3) / 300, rel=1e-3)
    two_others = d.copy()
    two_others[:, :2] = 1 - np.abs(d[:, :2])
    assert width(two_others) == pytest.approx(width(d))
    many_others = d.copy()
    many_others[:, :30] = 1 - np.abs(d[:, :30])
    assert width(many_others) > 2 * width(d)


def test_an_interval_ends_where_the_mean_cannot_be():
    interval = crossed_interval(np.ones((2, 20)), 0.95, least=0, most=1)
    assert interval.low < 1
    assert interval.high == 1
    nothing = crossed_interval(np.ones((2, 1)), 0.95, least=0, most=1)
    assert (nothing.low, nothing.high) == (0, 1)


@pytest.mark.parametrize(
    ("seeds", "accuracy", "of_run"),
    [(1, 0.8, 0.0), (3, 0.8, 0.0), (3, 0.8, 0.3), (3, 0.95, 0.1), (5, 0.8, 0.1)],
)
def test_the_interval_of_an_arms_accuracy_covers_the_truth(seeds, accuracy, of_run):
    """Of 0 and 1, not paired; seeds hardly matter, or are nearly all that does."""
    rng = np.random.default_rng(0)
    hits = []
    for _ in range(REPETITIONS):
        (right,) = study(rng, [accuracy], seeds, 300, of_run=of_run, luck=0.0)
        interval = crossed_interval(right, 0.9)
        hits.append(interval.low <= accuracy <= interval.high)
    assert np.mean(hits) >= 0.9 - 3 * np.sqrt(0.09 / REPETITIONS)
    assert np.mean(hits) <= 0.975  # and is not wider than it need be


# --- With a known truth --------------------------------------------------------------------------


@pytest.fixture(
    scope="module", params=DESIGNS, ids=lambda design: "{} seeds, run {}".format(*design)
)
def measured(request: pytest.FixtureRequest) -> Crossed:
    seeds, of_run = request.param
    return repeated(REPETITIONS, [0.7, 0.8], seeds, 300, of_run=of_run)[0]


def test_the_mean_is_that_over_all_seeds_and_sentences(measured):
    error = measured.mean.std() / np.sqrt(REPETITIONS)
    assert measured.mean.mean() == pytest.approx(TRUE, abs=4 * error)


def test_the_standard_error_is_the_deviation_of_the_mean(measured):
    """Root mean square; it errs on the wide side where seeds hardly differ."""
    assert 0.95 <= np.sqrt(np.mean(measured.standard_error() ** 2)) / measured.mean.std() <= 1.15


def test_it_covers_the_truth_at_least_as_often_as_it_says(measured):
    missed = np.abs(measured.mean - TRUE) > measured.half_width(0.025)
    assert missed.mean() <= at_most(0.05, REPETITIONS)


@pytest.mark.parametrize("alpha", [0.05, 0.05 / 6])
@pytest.mark.parametrize("side", [-1, 1])
def test_one_sided_tests_hold_their_level(measured, alpha, side):
    wrong = side * (measured.mean - TRUE) >= measured.half_width(alpha)
    assert wrong.mean() <= at_most(alpha, REPETITIONS)


def test_the_simulation_finds_errors_that_leave_out_seeds_or_sentences():
    """Else the tests above would pass with a wrong standard error."""
    measured = repeated(REPETITIONS, [0.7, 0.8], 3, 300, of_run=0.15)[0]
    of_sentences = student.isf(0.05, 299) * np.sqrt(measured.sentences)
    assert np.mean(measured.mean - TRUE >= of_sentences) > 2 * at_most(0.05, REPETITIONS)
    measured = repeated(REPETITIONS, [0.7, 0.8], 8, 300, of_run=0.0)[0]
    of_seeds = student.isf(0.05, 7) * np.sqrt(measured.seeds)
    assert np.mean(measured.mean - TRUE >= of_seeds) > at_most(0.05, REPETITIONS)
