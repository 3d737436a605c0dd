"""The summary: what it says follows from the runs, and gaps are paired."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from study.analyses.results.summary import entries, summarise
from study.analyses.results.sweep import Results, scores
from study.analyses.results.table import arms_table
from study.settings.statistics import StatisticsSettings
from study.statistics.crossed import crossed_interval
from tests.study.fake_records import fake_arm, fake_probe

STATISTICS = StatisticsSettings(
    0.95, 400, seed=0, margins=(1.0,), power=0.8, looks=None, budget=6, metric="auto"
)
ENTRY = {
    "test_accuracy",
    "low",
    "high",
    "validation_accuracy",
    "learning_rate",
    "trainable_parameters",
    "trainable_share",
    "head_parameters",
    "adapter_parameters",
}
GAP = {"gap_to_full", "gap_to_full_low", "gap_to_full_high"}


def study(ranks=(1, 2, 8), rank=8, seeds=(0, 1, 2), **more) -> Results:
    def arm(name: str, of_rank: int | None = None):
        return fake_arm(name, of_rank, seeds=seeds, num_sentences=300, **more)

    lora = {each: arm("lora", each) for each in ranks}
    return Results(arm("head_only"), arm("full"), lora, arm("lora", rank))


def summary_of(results: Results, **probe):
    return summarise(results, STATISTICS, fake_probe(results.head_only, **probe))


def test_every_arm_says_the_same_things():
    summary = summary_of(study())
    assert summary["full"].keys() == ENTRY
    for entry in [summary["head_only"], *summary["lora"].values()]:
        assert entry.keys() == ENTRY | GAP
    probing = (ENTRY - {"learning_rate"}) | {"state", "c"}
    assert summary["linear_probe"].keys() == probing | GAP
    assert list(summary["lora"]) == ["1", "2", "8"]
    renamed = {"rank", "test_accuracy_low", "test_accuracy_high"}
    assert summary["headline"].keys() == (ENTRY | GAP | renamed) - {"low", "high"}


def test_the_headline_is_its_rank_in_the_sweep():
    summary = summary_of(study(rank=2))
    headline, entry = summary["headline"], summary["lora"]["2"]
    assert headline["rank"] == 2
    assert (headline["test_accuracy_low"], headline["test_accuracy_high"]) == (
        entry["low"],
        entry["high"],
    )
    shared = entry.keys() - {"low", "high"}
    assert {key: headline[key] for key in shared} == {key: entry[key] for key in shared}


def test_a_headline_outside_the_sweep_is_not_in_it():
    summary = summary_of(study(rank=16))
    assert summary["headline"]["rank"] == 16
    assert "16" not in summary["lora"]
    assert ("lora", 16) in entries(summary)


def test_accuracies_are_means_over_seeds_within_their_intervals():
    results = study()
    summary = summary_of(results)
    for arm in results.arms():
        entry = entries(summary)[arm.arm, arm.rank]
        assert entry["test_accuracy"] == pytest.approx(
            np.mean([run.test_score for run in arm.picked()])
        )
        assert 0 <= entry["low"] <= entry["test_accuracy"] <= entry["high"] <= 1


def test_the_gap_is_the_difference_and_its_interval_is_paired():
    results = study()
    summary = summary_of(results)
    for entry in summary["lora"].values():
        gap = entry["test_accuracy"] - summary["full"]["test_accuracy"]
        assert entry["gap_to_full"] == pytest.approx(gap)
        assert entry["gap_to_full_low"] <= gap <= entry["gap_to_full_high"]
        unpaired = np.hypot(
            entry["high"] - entry["low"], summary["full"]["high"] - summary["full"]["low"]
        )
        assert entry["gap_to_full_high"] - entry["gap_to_full_low"] < unpaired


def test_an_arm_that_answers_as_full_does_has_no_gap():
    results = study()
    twin = dataclasses.replace(results.full, arm="lora", rank=2)
    results = dataclasses.replace(results, lora=results.lora | {2: twin})
    entry = summary_of(results)["lora"]["2"]
    assert entry["gap_to_full"] == 0
    assert entry["gap_to_full_high"] == -entry["gap_to_full_low"]
    assert 0 < entry["gap_to_full_high"] < 0.012  # a difference on 3 sentences can go unseen


def test_an_arms_interval_does_not_hang_on_the_other_arms():
    few, many = (summary_of(study(ranks)) for ranks in ((8,), (1, 2, 4, 8, 16)))
    assert few["lora"]["8"] == many["lora"]["8"]
    assert few["full"] == many["full"]
    assert few["headline"] == many["headline"]


def test_shares_are_of_the_model_with_its_adapter():
    summary = summary_of(study())
    assert summary["full"]["trainable_share"] == 1
    entry = summary["lora"]["8"]
    assert entry["trainable_parameters"] == entry["head_parameters"] + entry["adapter_parameters"]
    base = summary["full"]["trainable_parameters"]
    assert entry["trainable_share"] == pytest.approx(
        entry["trainable_parameters"] / (base + entry["adapter_parameters"])
    )


@pytest.mark.parametrize(
    ("seeds", "interval"), [((3,), "sentences"), ((0, 1), "seeds and sentences")]
)
def test_it_says_what_the_intervals_are_over(seeds, interval):
    summary = summary_of(study(seeds=seeds))
    assert summary["interval"] == interval
    assert summary["seeds"] == list(seeds)
    assert summary["test_sentences"] == 300
    assert summary["confidence"] == 0.95


def test_it_is_json_and_the_same_each_time():
    once, again = (json.dumps(summary_of(study())) for _ in range(2))
    assert once == again


def test_more_classes_change_nothing_but_the_head():
    results = study(num_classes=20)
    assert scores(results.full).shape == (3, 300)
    assert summary_of(results)["head_only"]["head_parameters"] == 20 * 385


def test_the_table_has_a_line_for_each_arm_and_marks_the_headline():
    for rank, marked in ((2, "LoRA, rank 2 *"), (16, "LoRA, rank 16 *")):
        summary = summary_of(study(rank=rank))
        table = arms_table(summary)
        lines = table.splitlines()
        assert sum(line.startswith(marked) for line in lines) == 1
        labels = [line.split("  ")[0].rstrip(" *") for line in lines[2 : 2 + len(entries(summary))]]
        assert labels[0] == "Head only"
        assert labels[-1] == "Full fine-tuning"
        assert len({len(line) for line in lines[: 2 + len(labels)]}) == 1  # aligned
        full = next(line for line in lines if line.startswith("Full"))
        assert f"{100 * summary['full']['test_accuracy']:.1f} [" in full
        assert "22,713,986" in full


def test_the_table_says_when_there_is_one_seed():
    table = arms_table(summary_of(study(seeds=(0,))))
    assert "One seed, 300 test sentences" in table
    assert "95 % intervals over sentences alone;" in table


def test_the_probe_has_no_seeds_and_its_interval_is_over_sentences_alone():
    results = study(seeds=(0, 1, 2))
    probe = fake_probe(results.head_only)
    entry = summarise(results, STATISTICS, probe)["linear_probe"]
    alone = crossed_interval(probe.parts(), 0.95, least=0, most=1)
    assert probe.parts().shape == (1, 300)
    assert entry["test_accuracy"] == probe.test_score
    assert (entry["low"], entry["high"]) == (alone.low, alone.high)
    assert (entry["state"], entry["c"]) == ("mean", 0.01)
    assert entry["trainable_parameters"] == entry["head_parameters"] == 385


def test_the_probe_is_paired_with_every_seed_of_full_fine_tuning():
    """As if it had been fitted again with each seed, and had answered the same."""
    results = study(seeds=(0, 1, 2))
    probe = fake_probe(results.head_only)
    entry = summarise(results, STATISTICS, probe)["linear_probe"]
    three = np.repeat(probe.parts(), 3, axis=0).astype(float) - scores(results.full)
    paired = crossed_interval(three, 0.95, least=-1, most=1)
    assert entry["gap_to_full"] == pytest.approx(three.mean())
    assert (entry["gap_to_full_low"], entry["gap_to_full_high"]) == (paired.low, paired.high)


@pytest.mark.parametrize(
    ("more_on_validation", "best"),
    [(0.001, "linear_probe"), (0.0, "head_only"), (-0.001, "head_only")],
)
def test_validation_picks_the_head_alone_whatever_test_says(more_on_validation, best):
    results = study()
    own = np.mean([run.validation_score for run in results.head_only.picked()])
    for accuracy in (0.55, 0.9):
        summary = summary_of(results, validation=own + more_on_validation, accuracy=accuracy)
        assert summary["head_alone"] == best


def test_the_table_names_the_states_that_the_probe_reads():
    table = arms_table(summary_of(study(), state="pooled"))
    (line,) = (line for line in table.splitlines() if line.startswith("Linear probe, pooled"))
    assert "  -  " in line  # no learning rate
    assert " 385 " in line
    assert "a logistic regression on pooled states of the frozen encoder" in table
