"""Where the metric is no mean, each resample's choice rests on the metric of its own sentences."""

from __future__ import annotations

import numpy as np
import pytest

from study.analyses.results.sweep import Results, answers_of, merits
from study.analyses.sufficiency.choice import shares_of_equivalence
from study.analyses.sufficiency.record import sufficient_rank
from study.analyses.sufficiency.rule import one_standard_error
from study.metrics.measure import measure_named
from study.settings.statistics import StatisticsSettings
from study.statistics.recomputed import recomputed
from study.statistics.resampling import draw
from tests.study.fake_metrics import results_by
from tests.study.fake_records import fake_arm

RANKS = (1, 4, 8)
STATISTICS = StatisticsSettings(
    0.95, 60, seed=0, margins=(2.0, 6.0), power=0.8, looks=None, budget=6, metric="auto"
)


def study(metric: str, num_sentences: int) -> Results:
    def arm(name: str, rank: int | None = None):
        return fake_arm(name, rank, num_sentences=num_sentences, num_classes=3)

    lora = {rank: arm("lora", rank) for rank in RANKS}
    return results_by(Results(arm("head_only"), arm("full"), lora, lora[4]), metric)


def exact_of(results: Results, *, full: bool):
    records = [*results.lora.values(), *([results.full] if full else [])]
    answers = np.stack([answers_of(record) for record in records])
    return recomputed(
        measure_named(results.full.metric), answers, np.array(results.full.test_labels)
    )


@pytest.mark.parametrize("metric", ["macro_f1", "matthews", "pearson"])
def test_the_best_rank_of_a_draw_is_that_of_the_sentences_in_it(metric: str) -> None:
    results, measure = study(metric, 40), measure_named(metric)
    of_lora = np.stack([merits(record) for record in results.lora.values()])
    (draws,) = draw(3, 40, 30, seed=2)
    exact = exact_of(results, full=False)
    picked = one_standard_error(of_lora, draws, exact)
    labels, answers = np.array(results.full.test_labels), exact.answers
    for k in range(30):
        rows = np.repeat(np.arange(40), draws.times_sentence[k].astype(int))
        means = [
            np.dot(draws.times_seed[k], [measure.value(own[rows], labels[rows]) for own in arm]) / 3
            for arm in answers
        ]
        assert picked.best[k] == int(np.argmax(means))
        assert picked.behind[:, k] == pytest.approx(max(means) - np.array(means), abs=1e-9)
    assert one_standard_error(of_lora, None, exact).place == one_standard_error(of_lora).place


@pytest.mark.parametrize("metric", ["macro_f1", "pearson"])
def test_choices_agree_with_those_of_weighed_parts_where_sentences_are_many(metric: str) -> None:
    results = study(metric, 3000)
    of_lora = np.stack([merits(record) for record in results.lora.values()])
    given = (of_lora, merits(results.full), RANKS, STATISTICS)
    anew = shares_of_equivalence(*given, exact=exact_of(results, full=True))
    for exact, weighed in zip(anew, shares_of_equivalence(*given), strict=True):
        assert sum(exact.values()) == pytest.approx(1)
        assert exact == pytest.approx(weighed, abs=0.05)


def test_the_record_computes_anew_on_either_split() -> None:
    """On test it knows the answers; those on validation are given."""
    results = study("matthews", 60)
    validation = {rank: merits(record) for rank, record in results.lora.items()}
    exact = exact_of(results, full=False)
    choice = sufficient_rank(results, validation, (), STATISTICS, exact)["choice"]
    on_validation, on_test = (choice[f"one standard error on {s}"] for s in ("validation", "test"))
    assert on_validation == on_test  # the same answers
    some = sufficient_rank(results, validation, {1}, STATISTICS, exact)["choice"]
    assert some["one standard error on validation"]["1"] == 0
