"""Early exit drops the worse half of the rates, and changes no byte of the runs that are left."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from study.arms import arm as arms
from study.arms import early_exit, lora
from study.arms.arm import Size
from study.arms.early_exit import Rung, dropped
from study.arms.full import FullArm
from study.arms.lora import LoraArm
from study.entry.errors import StudyError
from study.records.json_file import write_json
from study.records.prepared import Prepared
from study.records.runs import ArmRecord, Evaluation, read_arm
from study.training.checkpoints import FOLDER, Checkpoints
from study.training.executors import LocalExecutor
from study.training.loop import Part, Run, RunResult
from study.training.progress import Progress
from tests.study import toys
from tests.study.executor_arms import toy_settings

RATES = (0.03, 0.00001, 0.01, 0.003)
SEEDS = (0, 1, 2)
SIZE = Size(1, 2, 3, 4)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


class Noting:
    """An arm, and which groups it was asked for, from which step to which; may be killed."""

    def __init__(self, arm: Any, kill_at: int | None = None) -> None:
        self.arm, self.kill_at = arm, kill_at
        self.asked: list[tuple[float, tuple[int, ...], int, int | None]] = []

    def __call__(self, runs: Sequence[Run], progress: Progress, part: Part) -> list[RunResult]:
        if len(self.asked) == self.kill_at:
            raise KeyboardInterrupt
        start = 0 if part.start is None else part.start[0].paused_at or 0
        seeds = tuple(run.seed for run in runs)
        self.asked.append((runs[0].learning_rate, seeds, start, part.end))
        results: list[RunResult] = self.arm(runs, progress, part)
        return results


def study(early: Any, **changes: Any) -> Any:
    """The toy study with early exit; 16 steps in 2 epochs."""
    changes = {"epochs": 2, "early_exit": early, **changes}
    return replace(toy_settings(), train=toys.train_settings(**changes))


def lora_arm(settings: Any, data: Prepared, **variant: Any) -> LoraArm:
    config = lora.config_of(settings.lora, 2, settings.model.name)
    return LoraArm(settings, data, replace(config, **variant))


def full_arm(settings: Any, data: Prepared) -> FullArm:
    return FullArm(settings, data)


def search(
    early: Any,
    *,
    rates: Sequence[float] = RATES,
    fit: int = 3,
    stage: str = "toy",
    make: Callable[..., Any] = lora_arm,
    kill_at: int | None = None,
    **changes: Any,
) -> tuple[list[RunResult], ArmRecord, Noting]:
    """Search the rates; return results, the record, and what was asked of the arm."""
    settings, data = study(early, **changes), toys.prepared(validation=150)  # few ties
    noting = Noting(make(settings, data), kill_at)
    method, rank = ("full", None) if make is full_arm else ("lora", 2)
    groups = arms.plan(method, rank, rates, SEEDS, fit)
    checkpoints = Checkpoints(stage, settings.train.decisive(), data)
    rung = early_exit.of(settings.train, data)
    results = arms.train_groups("toy", groups, noting, checkpoints, LocalExecutor(), rung)
    return results, arms.record(results, data, SIZE, rung), noting


def assert_same_survivors(whole: list[RunResult], early: list[RunResult]) -> None:
    """Each run that is left is the same to the bit, in every tensor and number."""
    by_run = {result.run: result for result in whole}
    left = [result for result in early if result.paused_at is None]
    assert 0 < len(left) < len(whole)
    for result in left:
        other = by_run[result.run]
        assert result.validation == other.validation
        assert (result.loss_steps, result.loss_values) == (other.loss_steps, other.loss_values)
        assert result.best_epoch == other.best_epoch
        for name in ("validation_logits", "test_logits"):
            assert torch.equal(getattr(result, name), getattr(other, name))
        assert result.state.keys() == other.state.keys()
        for name, x in result.state.items():
            assert x.numpy().tobytes() == other.state[name].numpy().tobytes(), name


WAYS: dict[str, dict[str, Any]] = {
    "lora": {},
    "several groups of a rate": {"fit": 2},
    "full": {"make": full_arm, "fit": 1},
    "dora": {"make": lambda s, d: lora_arm(s, d, use_dora=True)},
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_runs_that_are_left_have_the_same_bytes(way: dict[str, Any], precision: str) -> None:
    whole, alone, _ = search(None, stage="whole", precision=precision, **way)
    early, record, noting = search(0.3, precision=precision, **way)
    assert_same_survivors(whole, early)
    told = record.early_exit
    assert told is not None
    assert len(told.dropped) == 2
    for rate in record.whole_rates:
        assert record.at(rate) == alone.at(rate)
    assert record.learning_rates == alone.learning_rates == RATES
    assert not any(record.at(rate) for rate in told.dropped)
    starts = {(rate, start, end) for rate, _, start, end in noting.asked}
    assert starts == {(rate, 0, 5) for rate in RATES} | {(r, 5, None) for r in record.whole_rates}


def test_the_record_says_what_was_dropped_when_and_what_that_saved() -> None:
    results, record, _ = search(0.3)
    told = record.early_exit
    assert told is not None
    assert (told.step, told.steps, told.by) == (5, 16, "accuracy")
    assert told.saved == pytest.approx(0.5 * 11 / 16)
    assert [row.learning_rate for row in told.rates] == sorted(RATES)
    for row in told.rates:
        points = [r.standing for r in results if r.run.learning_rate == row.learning_rate]
        assert row.score == pytest.approx(sum(p.score for p in points if p) / 3)
        assert row.loss == pytest.approx(sum(p.loss for p in points if p) / 3)
        assert {p.step for p in points if p} == {5}
    worst_left = min(row.score or 0.0 for row in told.rates if not row.dropped)
    assert all((row.score or 0.0) < worst_left for row in told.rates if row.dropped)
    write_json("record.json", record.to_json())
    assert read_arm("record.json") == record


def test_a_record_without_early_exit_is_as_it_was() -> None:
    _, record, noting = search(None)
    assert record.early_exit is None
    assert "early_exit" not in record.to_json()
    assert all(start == 0 and end is None for _, _, start, end in noting.asked)
    _, single, noting = search(0.3, rates=RATES[:1], stage="single")
    assert single.early_exit is None
    assert [(start, end) for _, _, start, end in noting.asked] == [(0, None)]


def test_auto_drops_none_of_two_rates() -> None:
    _, record, _ = search("auto", rates=(0.01, 0.03))
    assert record.early_exit is None
    _, record, _ = search("auto", rates=(0.01, 0.03, 0.00001), stage="three")
    assert record.early_exit is not None
    assert (record.early_exit.step, len(record.whole_rates)) == (8, 2)


@pytest.mark.parametrize("kill_at", range(1, 7))
def test_a_search_that_is_killed_goes_on_where_it_was(kill_at: int) -> None:
    """Four groups to the rung, two from there on."""
    whole, expected, _ = search(0.3, stage="never killed")
    if kill_at < 6:
        with pytest.raises(KeyboardInterrupt):
            search(0.3, kill_at=kill_at)
    else:
        search(0.3)
    again, record, noting = search(0.3)
    assert len(noting.asked) == 6 - kill_at
    assert record == expected
    for one, other in zip(again, whole, strict=True):
        assert one.standing == other.standing
        assert one.state.keys() == other.state.keys()
        assert all(torch.equal(x, other.state[name]) for name, x in one.state.items())


def test_what_a_dropped_rate_would_take_to_go_on_is_not_kept() -> None:
    with pytest.raises(KeyboardInterrupt):
        search(0.3, kill_at=4)
    paused = sorted(path.stat().st_size for path in (FOLDER / "toy").iterdir())
    assert len(paused) == 4
    assert 2 * paused[1] < paused[2]  # the two that were dropped, the two that are left
    _, record, _ = search(0.3)
    # With the dropped ones alone, what is missing is trained from the first step on.
    rates = record.early_exit.dropped if record.early_exit else ()
    results, _, noting = search(0.3, rates=rates)
    assert [(start, end) for _, _, start, end in noting.asked] == [(0, None)]
    assert sum(result.paused_at is None for result in results) == 3


def test_a_rate_that_diverges_goes_and_does_not_fail_the_search() -> None:
    _, record, _ = search(0.3, rates=(0.01, 1e38, 0.003))
    told = record.early_exit
    assert told is not None
    assert told.dropped == (1e38,)
    assert told.rates[-1].score is None
    assert told.rates[-1].diverged == SEEDS
    with pytest.raises(StudyError, match="not finite at any learning rate: lora, rank 2, seed 0"):
        search(0.3, rates=(1e38, 2e38), stage="lost")
    with pytest.raises(StudyError, match="the loss is not finite: lora, rank 2, seed 0"):
        search(None, rates=(0.01, 1e38), stage="whole")


def test_runs_that_ended_before_the_rung_stand_by_their_best_epoch() -> None:
    ways = {"epochs": 10, "early_stopping": 1, "rates": (0.03, 0.01, 0.3, 0.003)}
    whole, alone, _ = search(None, stage="whole", **ways)
    early, record, _ = search(0.9, **ways)
    assert any(result.validation[-1].step < 72 for result in whole)
    assert_same_survivors(whole, early)
    for rate in record.whole_rates:
        assert record.at(rate) == alone.at(rate)


MERITS = {0.1: 0.7, 0.2: 0.8, 0.3: 0.6, 0.4: 0.5}


def test_the_worse_half_is_dropped() -> None:
    assert dropped(MERITS) == {0.3, 0.4}
    assert dropped({0.1: 0.7, 0.2: 0.8, 0.3: 0.6}) == {0.3}
    assert dropped({0.1: 0.7, 0.2: 0.8}) == {0.1}
    assert dropped({0.1: 0.7}) == set()


def test_a_tie_keeps_both() -> None:
    assert dropped({0.1: 0.7, 0.2: 0.7}) == set()
    assert dropped({0.1: 0.7, 0.2: 0.8, 0.3: 0.7, 0.4: 0.5}) == {0.4}
    assert dropped(dict.fromkeys((0.1, 0.2, 0.3), 0.5)) == set()


def test_what_diverged_goes_first_and_the_last_rate_never() -> None:
    assert dropped({0.1: None, 0.2: 0.5}) == {0.1}
    assert dropped({0.1: None, 0.2: 0.5, 0.3: 0.6, 0.4: 0.4}) == {0.1, 0.4}
    assert dropped({0.1: None, 0.2: None, 0.3: 0.1, 0.4: None}) == {0.1, 0.2, 0.4}
    assert dropped({0.1: None, 0.2: None}) == set()
    for merits in itertools.product((None, 0.1, 0.2, 0.3), repeat=4):
        rates = dict(enumerate(merits))
        left = rates.keys() - dropped({float(k): v for k, v in rates.items()})
        assert left
        finite = [merit for merit in merits if merit is not None]
        best = max(finite) if finite else None
        assert any(rates[int(rate)] == best for rate in left)


def test_by_the_loss_the_lowest_is_best() -> None:
    rung = early_exit.of_language(toys.train_settings(early_exit=0.5), toys.prepared())
    assert isinstance(rung, Rung)
    assert rung.merit(Evaluation(1, 8, 0.0, 1.0)) > rung.merit(Evaluation(1, 8, 1.0, 2.0))


def test_where_the_rung_is() -> None:
    settings = toys.train_settings(early_exit=0.5)
    assert [settings.exit_step(steps) for steps in (1, 2, 3, 188)] == [None, 1, 2, 94]
    tiny, nearly = (toys.train_settings(early_exit=share) for share in (1e-9, 1 - 1e-9))
    assert (tiny.exit_step(188), nearly.exit_step(188)) == (1, 187)
    assert toys.train_settings(early_exit=None).exit_step(188) is None
    assert toys.train_settings(early_exit="auto").exit_step(188) == 94


def test_what_a_run_learns_does_not_hang_on_early_exit() -> None:
    whole, early = (toys.train_settings(early_exit=share) for share in (None, 0.3))
    assert whole.decisive() == early.decisive()
