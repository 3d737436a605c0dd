"""An arm: how its runs are grouped, which learning rate is picked, what becomes of lost runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import BltConfig, LlamaConfig

from study.arms import arm
from study.arms.arm import Size
from study.batches.packing import BLOCKS
from study.entry.errors import StudyError
from study.records.prepared import Split
from study.records.runs import Evaluation
from study.sources.configs import depth, width
from study.training.checkpoints import Checkpoints
from study.training.executors import LocalExecutor
from study.training.loop import WHOLE, Part, Run, RunResult
from study.training.progress import Progress
from tests.lora.models import Family
from tests.study import toys
from tests.study.toys import each_family

SIZE = Size(head=34, adapter=10, trainable=44, total=1000)


def result(
    run: Run, accuracy: float = 0.5, test: Sequence[int] = (0,) * 40, lost: int | None = None
) -> RunResult:
    """Return a run whose second epoch of two was its best."""
    logits = torch.nn.functional.one_hot(torch.tensor(test), 2).float()
    points = tuple(Evaluation(e, 8 * e, a, 0.5) for e, a in ((1, 0.1), (2, accuracy)))
    return RunResult(run, 2, points, (8, 16), (0.7, 0.6), logits.clone(), logits, {}, lost)


@given(
    st.lists(st.floats(1e-5, 1), min_size=1, max_size=4, unique=True),
    st.lists(st.integers(0, 99), min_size=1, max_size=7, unique=True),
    st.integers(1, 9),
)
def test_groups_hold_every_run_once_and_never_two_rates(
    rates: list[float], seeds: list[int], fit: int
) -> None:
    groups = arm.plan("lora", 4, rates, seeds, fit)
    everyone = [run for group in groups for run in group]
    assert everyone == [Run("lora", 4, rate, seed) for rate in rates for seed in seeds]
    for group in groups:
        assert 1 <= len(group) <= fit
        assert len({run.learning_rate for run in group}) == 1
    first = [group for group in groups if group[0].learning_rate == rates[0]]
    assert first == arm.plan("lora", 4, rates[:1], seeds, fit)


@each_family
def test_at_least_one_run_fits_and_more_memory_holds_no_fewer(family: Family) -> None:
    data = toys.prepared()
    fits = [
        arm.runs_that_fit(family.config, data, toys.train_settings(memory_gib=gib))
        for gib in (1e-9, 1e-3, 0.1, 1.0, 64.0)
    ]
    assert fits == sorted(fits)
    assert fits[0] == 1
    assert fits[-1] > fits[1]
    bf16 = toys.train_settings(precision="bf16")
    assert arm.runs_that_fit(family.config, data, bf16) >= fits[3]
    large = toys.train_settings(batch_size=32)
    assert arm.runs_that_fit(family.config, data, large) <= fits[3]


@each_family
def test_more_runs_fit_where_a_step_keeps_less(family: Family) -> None:
    data = toys.prepared()

    def fit(**changes: Any) -> int:
        settings = toys.train_settings(memory_gib=0.01, batch_size=8, **changes)
        return arm.runs_that_fit(family.config, data, settings)

    assert fit(gradient_accumulation_steps=1) == fit(activation_checkpointing=False) == fit()
    assert fit(gradient_accumulation_steps=2) in (2 * fit(), 2 * fit() + 1)
    assert fit(gradient_accumulation_steps=8) == fit(gradient_accumulation_steps=99)
    assert fit(activation_checkpointing=True) > fit()


def test_logits_of_every_token_count_where_a_language_model_computes_padded_rows() -> None:
    """By hand: 20 sentences of 9 tokens, 3 predicted, fp32, a vocabulary of 5,000, no layers."""
    split = Split(
        torch.zeros(180, dtype=torch.int32), torch.tensor([9] * 20), torch.tensor([3] * 20)
    )
    data = replace(toys.prepared(), train=split, batching="padded")
    words = LlamaConfig(vocab_size=5000, num_hidden_layers=0)
    step = 20 * 9 * 5000
    bytes_a_run = step * 4 / 3 + (3 * 4 * step + 8 * step / 3) / BLOCKS
    settings = toys.train_settings(batch_size=20, memory_gib=5.5 * bytes_a_run / arm.GIB)
    assert arm.runs_that_fit(words, data, settings, True) == 5
    packed = replace(data, batching="packed")
    layers = replace(settings, memory_gib=1.0)
    few = LlamaConfig(vocab_size=5000, num_hidden_layers=2)
    for other in (False, True):
        assert arm.runs_that_fit(few, packed, layers, other) == arm.runs_that_fit(few, data, layers)


def test_several_stacks_count_together() -> None:
    config = BltConfig()
    parts = [config.patcher_config, config.encoder_config, config.decoder_config]
    parts.append(config.global_config)
    assert depth(config) == sum(part.num_hidden_layers for part in parts)
    assert width(config) == max(part.hidden_size for part in parts)
    assert arm.runs_that_fit(config, toys.prepared(), toys.train_settings(memory_gib=1e3)) > 1


def recorded(scores: dict[float, list[float]]) -> float:
    data = toys.prepared()
    results = [
        result(Run("lora", 2, rate, seed), accuracy)
        for rate, accuracies in scores.items()
        for seed, accuracy in enumerate(accuracies)
    ]
    return arm.record(results, data, SIZE).learning_rate


def test_the_rate_with_the_best_mean_over_seeds_is_picked() -> None:
    assert recorded({0.1: [0.9, 0.5], 0.01: [0.75, 0.75], 0.001: [0.7, 0.7]}) == 0.01
    assert recorded({0.001: [0.7, 0.7], 0.01: [0.75, 0.75], 0.1: [0.9, 0.5]}) == 0.01


def test_of_two_equal_rates_the_smaller_is_picked() -> None:
    assert recorded({0.1: [0.5, 0.75], 0.02: [0.75, 0.5]}) == 0.02
    assert recorded({0.02: [0.75, 0.5], 0.1: [0.5, 0.75]}) == 0.02


def test_a_record_states_what_its_runs_did() -> None:
    data = toys.prepared()
    labels = data.test.labels
    runs = [Run("lora", 2, 0.1, seed) for seed in (3, 0)]
    wrong = labels.clone()
    wrong[:10] = 1 - wrong[:10]
    results = [result(runs[0], 0.75, labels.tolist()), result(runs[1], 0.5, wrong.tolist())]
    record = arm.record(results, data, SIZE)
    assert [run.test_score for run in record.runs] == [1.0, 0.75]
    assert [run.validation_score for run in record.runs] == [0.75, 0.5]
    assert [run.best_epoch for run in record.runs] == [2, 2]
    assert record.test_labels == tuple(labels.tolist())
    assert record.runs[1].test_predictions == tuple(wrong.tolist())
    assert (record.arm, record.rank) == ("lora", 2)
    assert (record.trainable_parameters, record.total_parameters) == (44, 1000)
    assert (record.head_parameters, record.adapter_parameters) == (34, 10)
    assert [run.seed for run in record.picked()] == [0, 3]


class Trainer:
    """Counts the groups that it is asked to train; runs of one rate are lost."""

    def __init__(self, lost_rate: float | None = None) -> None:
        self.lost_rate = lost_rate
        self.asked: list[list[Run]] = []

    def __call__(self, runs: Sequence[Run], _: Progress, part: Part = WHOLE) -> list[RunResult]:
        assert part == WHOLE
        self.asked.append(list(runs))
        return [result(r, lost=7 if r.learning_rate == self.lost_rate else None) for r in runs]


@pytest.fixture
def checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkpoints:
    monkeypatch.chdir(tmp_path)
    return Checkpoints("toy", ("settings",), toys.prepared())


def test_results_come_in_the_order_of_the_groups(checkpoints: Checkpoints) -> None:
    groups = arm.plan("lora", 2, [0.1, 0.2], [0, 1, 2], 2)
    results = arm.train_groups("toy", groups, Trainer(), checkpoints, LocalExecutor())
    assert [r.run for r in results] == [run for group in groups for run in group]


def test_a_lost_run_is_named_and_the_others_are_kept(checkpoints: Checkpoints) -> None:
    groups = arm.plan("lora", 2, [0.1, 9.0, 0.2], [0, 1], 2)
    wild = Trainer(lost_rate=9.0)
    with pytest.raises(StudyError) as caught:
        arm.train_groups("toy", groups, wild, checkpoints, LocalExecutor())
    message = str(caught.value)
    assert "lora, rank 2, seed 0, learning rate 9, step 7" in message
    assert "seed 1, learning rate 9, step 7" in message
    assert "other 4 runs" in message
    assert wild.asked == groups
    again = Trainer()
    tamer = arm.plan("lora", 2, [0.1, 0.3, 0.2], [0, 1], 2)
    results = arm.train_groups("toy", tamer, again, checkpoints, LocalExecutor())
    assert again.asked == [tamer[1]]
    assert [r.run for r in results] == [run for group in tamer for run in group]


def test_what_was_trained_before_a_crash_is_not_trained_again(checkpoints: Checkpoints) -> None:
    groups = arm.plan("full", None, [0.1], [0, 1, 2], 1)

    def crashing(runs: Sequence[Run], progress: Progress, part: Part) -> list[RunResult]:
        if runs[0].seed == 2:
            raise KeyboardInterrupt
        return Trainer()(runs, progress, part)

    with pytest.raises(KeyboardInterrupt):
        arm.train_groups("toy", groups, crashing, checkpoints, LocalExecutor())
    after = Trainer()
    arm.train_groups("toy", groups, after, checkpoints, LocalExecutor())
    assert after.asked == groups[2:]
