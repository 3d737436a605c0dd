"""The one-standard-error rule and its bootstrap, on ranks whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest

from study.analyses.sufficiency.choice import shares_of_equivalence, shares_of_one_standard_error
from study.analyses.sufficiency.rule import one_standard_error
from study.analyses.sufficiency.verdicts import NONE
from study.settings.statistics import StatisticsSettings
from study.statistics import resampling as study_statistics
from study.statistics.crossed import crossed
from study.statistics.resampling import draw
from tests.study.analyses.sufficiency.simulated import study

STATISTICS = StatisticsSettings(
    confidence=0.95,
    resamples=300,
    seed=0,
    margins=(1.0, 5.0),
    power=0.8,
    looks=None,
    budget=6,
    metric="auto",
)


def correct(*wrong: int, seeds: int = 3, sentences: int = 1000) -> np.ndarray:
    """Ranks that each fail the first so many sentences; runs differ by one sentence."""
    table = np.ones((len(wrong), seeds, sentences), bool)
    for rank, number in enumerate(wrong):
        for seed in range(seeds):
            table[rank, seed, : number + seed] = False
    return table


def test_of_ranks_far_apart_the_best_is_picked():
    picked = one_standard_error(correct(200, 100, 0))
    assert (picked.place[0], picked.best[0]) == (2, 2)
    assert picked.behind[:, 0] == pytest.approx([0.2, 0.1, 0])


def test_of_ranks_within_one_error_and_no_more_the_smallest_is_picked():
    rng = np.random.default_rng(0)
    seen = []
    for _ in range(40):
        table = study(rng, [0.78, 0.79, 0.8, 0.8], 5, 500).astype(float)
        picked = one_standard_error(table)
        best = table.mean(axis=(1, 2)).argmax()
        errors = [float(crossed(rank - table[best]).standard_error()[0]) for rank in table]
        errors[best] = 0.0
        behind = table[best].mean() - table.mean(axis=(1, 2))
        assert picked.place[0] == np.flatnonzero(behind <= errors)[0]
        seen.append(picked.place[0])
    assert set(seen) == {0, 1, 2, 3}


def test_what_seeds_and_sentences_do_to_all_ranks_widens_nothing():
    """Paired: ranks that differ in ten sentences are told apart though sentences differ by far."""
    rng = np.random.default_rng(0)
    base = np.broadcast_to(rng.random((3, 1000)) < 0.7, (3, 1000)).copy()
    base[:, :60] = True
    worse = base.copy()
    worse[:, :60] = False
    assert one_standard_error(np.stack([worse, base])).place[0] == 1


def test_equal_ranks_are_one_and_the_smallest_stands_for_them():
    picked = one_standard_error(correct(50, 50))
    assert (picked.place[0], picked.best[0]) == (0, 0)


def test_one_rank_is_picked():
    assert one_standard_error(correct(10)).place.tolist() == [0]


def test_each_draw_is_judged_as_its_table_is_alone():
    table = study(np.random.default_rng(5), [0.76, 0.79, 0.8], 3, 40)
    for draws in draw(3, 40, 60, seed=2):
        together = one_standard_error(table, draws)
        for row in range(60):
            seeds, sentences = (
                times[row].astype(int) for times in (draws.times_seed, draws.times_sentence)
            )
            alone = one_standard_error(table.repeat(seeds, 1).repeat(sentences, 2))
            assert together.standard_error[:, row] == pytest.approx(alone.standard_error[:, 0])
            assert together.behind[:, row] == pytest.approx(alone.behind[:, 0])


def test_a_clear_choice_is_made_in_every_resample():
    shares = shares_of_one_standard_error(correct(200, 100, 0), [1, 4, 16], STATISTICS)
    assert shares == {"1": 0, "4": 0, "16": 1}


def test_a_close_choice_is_shared_out():
    table = study(np.random.default_rng(0), [0.79, 0.8, 0.8], 3, 500)
    shares = shares_of_one_standard_error(table, [1, 2, 4], STATISTICS)
    assert sum(shares.values()) == pytest.approx(1)
    assert max(shares.values()) < 0.95


def test_equivalence_is_shared_out_by_margin_with_none():
    full = correct(0)[0].astype(float)
    table = correct(300, 30, 0)
    tight, loose = shares_of_equivalence(table, full, [1, 2, 4], STATISTICS)
    assert tight == {"1": 0, "2": 0, "4": 1, NONE: 0}
    assert loose["1"] == 0
    assert loose["2"] > 0.9
    far = shares_of_equivalence(correct(300, 300), full, [1, 2], STATISTICS)
    assert [each[NONE] for each in far] == [1, 1]


def test_shares_do_not_hang_on_how_many_draws_are_held_at_once(monkeypatch):
    table = study(np.random.default_rng(0), [0.79, 0.8, 0.8], 3, 200)
    whole = shares_of_one_standard_error(table, [1, 2, 4], STATISTICS)
    monkeypatch.setattr(study_statistics, "_DRAWS_AT_ONCE", 3000)
    assert shares_of_one_standard_error(table, [1, 2, 4], STATISTICS) == whole


def test_one_seed_is_resampled_over_sentences_alone():
    table = study(np.random.default_rng(0), [0.7, 0.8, 0.8], 1, 400)
    assert shares_of_one_standard_error(table, [1, 2, 4], STATISTICS)["1"] < 0.05
