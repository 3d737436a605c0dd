"""The plots' rows: flat, of one shape, and true to the runs."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from study.analyses.results.curves import dynamics, pareto, rank_curve
from study.analyses.results.summary import summarise
from study.analyses.results.sweep import Results, seed_scores
from study.entry.errors import StudyError
from study.metrics.measure import measure_named
from study.records.runs import ArmRecord
from study.settings.statistics import StatisticsSettings
from tests.study.fake_metrics import probe_by, results_by
from tests.study.fake_records import fake_arm, fake_probe

STATISTICS = StatisticsSettings(
    0.95, 50, seed=0, margins=(1.0,), power=0.8, looks=None, budget=6, metric="auto"
)


def study(ranks=(1, 4, 8), rank=4) -> Results:
    def arm(name: str, of_rank: int | None = None) -> ArmRecord:
        return fake_arm(name, of_rank, seeds=(0, 1), num_sentences=200)

    return Results(
        arm("head_only"),
        arm("full"),
        {each: arm("lora", each) for each in ranks},
        arm("lora", rank),
    )


@pytest.fixture
def results() -> Results:
    return study()


def rows_of(results: Results) -> dict[str, list[dict]]:
    summary = summarise(results, STATISTICS, fake_probe(results.head_only))
    return {
        "rank_curve": rank_curve(results, summary),
        "pareto": pareto(summary),
        "dynamics": dynamics(results),
    }


def test_rows_are_flat_and_of_one_shape_as_dvc_wants_them(results):
    for rows in rows_of(results).values():
        assert len({tuple(row) for row in rows}) == 1
        for value in (value for row in rows for value in row.values()):
            assert value is None or isinstance(value, str | int | float | list)


def test_the_rank_curve_has_every_arm_at_every_rank(results):
    rows = rows_of(results)["rank_curve"]
    for arm in ("head_only", "linear_probe", "lora", "full"):
        assert [row["rank"] for row in rows if row["arm"] == arm] == [1, 4, 8]
    assert [row["rank"] for row in rows if row["headline"]] == [4]
    assert all(row["in_sweep"] for row in rows)
    accuracies = {row["rank"]: row["seed_scores"] for row in rows if row["arm"] == "lora"}
    assert accuracies[8] == seed_scores(results.lora[8])


def test_the_probe_is_one_point_and_stands_among_all_arms(results):
    probe = fake_probe(results.head_only)
    rows = rows_of(results)
    for row in rows["rank_curve"]:
        if row["arm"] == "linear_probe":
            assert row["seed_scores"] == [probe.test_score] == [row["test_accuracy"]]
            assert row["label"] == "Linear probe"
    (row,) = (row for row in rows["pareto"] if row["arm"] == "linear_probe")
    assert row["trainable_parameters"] == 385
    assert row["on_front"]  # the fewest
    (head,) = (row for row in rows["pareto"] if row["arm"] == "head_only")
    assert not head["on_front"]  # 770, and worse
    assert not [row for row in rows["dynamics"] if row["arm"] == "linear_probe"]


def test_a_headline_outside_the_sweep_is_in_the_curve_and_marked():
    rows = rows_of(study(rank=2))["rank_curve"]
    lora = [row for row in rows if row["arm"] == "lora"]
    assert [(row["rank"], row["headline"], row["in_sweep"]) for row in lora] == [
        (1, False, True),
        (2, True, False),
        (4, False, True),
        (8, False, True),
    ]


def test_no_arm_is_better_in_one_and_no_worse_in_the_other_than_one_on_the_front(results):
    rows = rows_of(results)["pareto"]
    assert [row["trainable_parameters"] for row in rows] == sorted(
        row["trainable_parameters"] for row in rows
    )
    best = -1.0
    for row in rows:  # fewest parameters first: on the front is what beats all that are smaller
        assert row["on_front"] == (row["test_accuracy"] > best)
        best = max(best, row["test_accuracy"])


def test_of_two_arms_alike_in_accuracy_the_smaller_is_on_the_front(results):
    twin = dataclasses.replace(
        results.lora[1], rank=8, trainable_parameters=10**6, adapter_parameters=10**6 - 770
    )
    results = dataclasses.replace(results, lora=results.lora | {8: twin})
    front = {row["label"]: row["on_front"] for row in rows_of(results)["pareto"]}
    assert front["LoRA, rank 1"]
    assert not front["LoRA, rank 8"]


def test_dynamics_are_means_between_the_lowest_and_the_highest_seed(results):
    rows = rows_of(results)["dynamics"]
    assert all(row["low"] <= row["value"] <= row["high"] for row in rows)
    shown = [
        row for row in rows if (row["arm"], row["quantity"]) == ("full", "validation accuracy")
    ]
    runs = results.full.picked()
    assert [row["step"] for row in shown] == [point.step for point in runs[0].validation]
    assert shown[-1]["value"] == pytest.approx(np.mean([run.validation[-1].score for run in runs]))


def test_thinning_a_loss_curve_keeps_its_mean_over_the_steps(results):
    rows = rows_of(results)["dynamics"]
    for arm in results.arms():
        shown = [
            row
            for row in rows
            if (row["arm"], row["rank"], row["quantity"]) == (arm.arm, arm.rank, "training loss")
        ]
        steps = [row["step"] for row in shown]
        assert len(steps) <= 24
        assert steps == sorted(set(steps))
        run = arm.picked()[0]
        assert steps[-1] == run.loss_steps[-1]
        weights = np.diff(run.loss_steps, prepend=0)
        whole = np.mean([np.average(r.loss_values, weights=weights) for r in arm.picked()])
        thinned = np.average([row["value"] for row in shown], weights=np.diff(steps, prepend=0))
        assert thinned == pytest.approx(whole)


def test_the_curves_of_an_arm_end_where_its_first_seed_stopped_early(results):
    first, other = results.full.picked()
    steps, values = (5, 10, 15, 18), (0.9, 0.8, 0.7, 0.6)  # it stopped within a window of 5
    validation = first.validation[:1]
    short = dataclasses.replace(first, loss_steps=steps, loss_values=values, validation=validation)
    rest = dataclasses.replace(
        other,
        loss_steps=(5, 10, 15, 20, 25),
        loss_values=(0.7, 0.6, 0.5, 0.4, 0.3),
        validation=(*validation, *(dataclasses.replace(p, step=p.step + 1) for p in validation)),
    )
    full = dataclasses.replace(results.full, runs=(short, rest))
    rows = dynamics(dataclasses.replace(results, full=full))
    rows = [row for row in rows if row["arm"] == "full"]
    losses = [row for row in rows if row["quantity"] == "training loss"]
    assert [row["step"] for row in losses] == [5, 10, 15]
    assert [row["value"] for row in losses] == pytest.approx([0.8, 0.7, 0.6])
    (evaluation,) = (row for row in rows if row["quantity"] == "validation accuracy")
    assert evaluation["step"] == validation[0].step


def test_seeds_measured_at_other_steps_are_refused(results):
    first, *others = results.full.runs
    shifted = dataclasses.replace(first, loss_steps=tuple(s + 1 for s in first.loss_steps))
    full = dataclasses.replace(results.full, runs=(shifted, *others))
    with pytest.raises(StudyError, match=r"Full fine-tuning: .* different steps"):
        dynamics(dataclasses.replace(results, full=full))


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1", "log_loss", "pearson", "rmse"])
def test_dvcs_plots_find_the_compared_metric_under_one_name(results, metric):
    results = results_by(results, metric)
    probe = probe_by(fake_probe(study().head_only), results.full)
    summary = summarise(results, STATISTICS, probe)
    curve, points = rank_curve(results, summary), pareto(summary)
    for row in curve + points:
        assert row["metric"] == measure_named(metric).words
        assert row["score"] == row[f"test_{metric}"]
        assert row["low"] <= row["score"] <= row["high"]
    (row,) = (row for row in curve if (row["arm"], row["rank"]) == ("lora", 8))
    assert row["seed_scores"] == seed_scores(results.lora[8])
    ranked = [measure_named(metric).merit(row["score"]) for row in points if row["on_front"]]
    assert ranked == sorted(ranked)  # fewest parameters first: each is better than the one before
