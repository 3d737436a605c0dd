"""Medians, ratios pair by pair, and the study's cost, by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import plan
from benchmarks.__main__ import slug
from benchmarks.interleave import turns
from benchmarks.rows import all_rows, causal_rows, row
from benchmarks.study_cost import Sizes, Stage, our_seconds, stages, trainer_seconds
from study.entry.errors import StudyError
from study.settings import whole as settings
from tests.benchmarks.made import causal, measured, variants

SIZES = Sizes(steps_per_epoch=10, validation=100, test=300)
ROOT = Path(__file__).resolve().parents[2]


def test_ratios_are_of_the_same_round() -> None:
    # Medians alone would give 4 / 2 = 2: a slow round slows both, and does not count twice.
    made = row("step", [1.0, 2.0, 4.0], {"default": [3.0, 4.0, 20.0], "tuned": [1.0, 1.0, 1.0]})
    assert made["ratio_to_default"] == 3.0
    assert made["ratio_to_default_range"] == [2.0, 5.0]
    assert made["ratio_to_tuned"] == 0.5
    assert made["seconds"] == {"default": 4.0, "tuned": 1.0, "ours": 2.0}


def test_trainer_pays_for_every_run_its_epochs_and_evaluations() -> None:
    took = measured("default", "full", 7.0)
    stage = Stage("full", (1, 1), epochs=4)
    # 5 to start; two runs of four epochs, 10 steps of 7 and a validation of 2 each; the test is
    # three times a validation.
    assert trainer_seconds(stage, {"full": took}, SIZES, 0) == 5 + 2 * (4 * (70 + 2) + 6)


def test_our_runs_at_once_cost_what_their_group_does() -> None:
    alone = {"lora": measured("ours", "lora", 1.0)}
    together = measured("ours", "lora", 2.0, runs=3, validation=4.0, test=5.0)

    def cost(*groups: int) -> float:
        return our_seconds(Stage("lora", groups, epochs=2), alone, together, SIZES, 0)

    assert cost(1) == 5 + 2 * (10 + 2) + 3
    assert cost(3) == 5 + 2 * (20 + 4) + 5
    assert cost(2) == 5 + 2 * (15 + 3) + 4  # half way
    assert cost(3, 1) == cost(3) + cost(1) - 5  # one process


def test_head_only_of_ours_is_measured_whole() -> None:
    heads = {"head_only": measured("ours", "head_only", 40.0, 50.0, runs=3)}
    stage = Stage("head_only", (12,), epochs=30)
    assert our_seconds(stage, heads, heads["head_only"], SIZES, 1) == 50.0


def test_the_list_of_runs_is_the_settings() -> None:
    chosen = settings.load(ROOT / "params.yaml")
    chosen = replace(
        chosen,
        seeds=(0, 1, 2),
        head_only=replace(chosen.head_only, epochs=7, learning_rates=(0.1, 0.2)),
        full=replace(chosen.full, learning_rates=(0.1,)),
        lora=replace(chosen.lora, ranks=(1, 4), rank=2, learning_rates=(0.1,)),
        train=replace(chosen.train, epochs=3),
    )
    found = stages(chosen, fit=2, sentences=100, classes=2)
    assert found[:2] == [Stage("head_only", (6,), 7), Stage("full", (1, 1, 1), 3)]
    # The headline's rank is not in the sweep, so it trains too.
    assert found[2:] == [Stage("lora", (2, 1), 3)] * 3


def test_every_row_is_there_and_the_study_is_the_sum_of_its_stages() -> None:
    listed = [
        Stage("head_only", (3,), 2),
        Stage("full", (1,), 1),
        Stage("lora", (3,), 1),
    ]
    found = all_rows(variants(), listed, SIZES)
    assert found["lora_step"]["ratio_to_default"] == 6.0  # of 6, 4, 7
    assert found["lora_step_together"]["ratio_to_default"] == 6.0  # of 6, 8, 3.5
    assert found["lora_step_together"]["seconds"]["ours"] == 1.0  # a run's share
    assert found["full_step"]["ratio_to_tuned"] == 2.0
    heads = 5 + 3 * (2 * (10 * 1.0 + 2) + 6)
    assert found["head_only"]["seconds"]["default"] == heads
    assert found["head_only"]["ratio_to_default"] == heads / 40
    rest = found["study_without_head_only"]["seconds"]["default"]
    assert found["study"]["seconds"]["default"] == heads + rest


def test_causal_rows_are_those_that_were_measured() -> None:
    made = causal()
    assert causal_rows(made)["causal_step_system"]["ratio_to_tuned"] == 2.0  # of 2, 3, 2
    few = {name: took for name, took in made.items() if name.startswith("causal_step ")}
    assert list(causal_rows(few)) == ["causal_step"]
    assert causal_rows({}) == {}


def test_another_variant_is_first_in_each_round() -> None:
    assert [turns(3, round_) for round_ in range(4)] == [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 1, 2]]


@pytest.mark.parametrize(("per_epoch", "epochs"), [(94, 2), (6, 2), (2105, 2), (30, 1)])
@pytest.mark.parametrize("quick", [False, True])
def test_rounds_fit_into_the_steps_there_are(per_epoch: int, epochs: int, quick: bool) -> None:
    made = plan.make(per_epoch, epochs, None, quick)
    assert made.warmup + made.lora_rounds * made.lora_steps <= per_epoch * epochs
    assert made.sample <= per_epoch
    assert min(made.lora_steps, made.other_steps) >= 1


def test_too_few_sentences_are_refused() -> None:
    with pytest.raises(StudyError, match=r"data\.train_size.*2 steps"):
        plan.make(2, 2, None, quick=True)


def test_a_file_is_named_after_the_device() -> None:
    assert slug("Intel(R) Xeon(R) Processor") == "intel-xeon-processor"
    assert slug("NVIDIA H200") == "nvidia-h200"
