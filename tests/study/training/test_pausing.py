"""A run that is paused and goes on is, to the bit, the run that was never paused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch

from study.arms import full, lora
from study.models.objective import Classification
from study.records.prepared import Batching
from study.training.loop import WHOLE, Part, Run, RunResult
from study.training.progress import Progress
from tests.study import toys
from tests.study.compare import RUNS, check_equal, each_precision
from tests.study.toys import lora_run, saved, train_lora

LOGITS = ("validation_logits", "test_logits")
# 8 steps an epoch: within the first, at its end, within the second.
STEPS = (3, 8, 13)


def same(one: list[RunResult], other: list[RunResult]) -> None:
    """Bit for bit, every field."""
    for a, b in zip(one, other, strict=True):
        check_equal(a, b, 0, 0)
        assert a.diverged_at == b.diverged_at
        assert (a.paused_at, a.standing) == (b.paused_at, b.standing) == (None, None)
        assert [torch.equal(getattr(a, n), getattr(b, n)) for n in LOGITS] == [True, True]
        for name, x in a.state.items():
            assert x.numpy().tobytes() == b.state[name].numpy().tobytes(), name


def in_parts(train: Callable[[Part], list[RunResult]], *steps: int) -> list[RunResult]:
    """Train up to each step, and from there to the end."""
    results = train(Part(end=steps[0]))
    for end in (*steps[1:], None):
        results = train(Part(start=results, end=end))
    return results


@each_precision
@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_lora_paused_anywhere(precision: str, dropout: float) -> None:
    def train(part: Part) -> list[RunResult]:
        return train_lora(RUNS, epochs=2, precision=precision, dropout=dropout, part=part)

    whole = train(WHOLE)
    for step in STEPS:
        same(in_parts(train, step), whole)
    same(in_parts(train, 1, 2, 8, 15), whole)


VARIANTS: dict[str, Mapping[str, Any]] = {
    "dora": {"variant": {"use_dora": True}},
    "pissa": {"variant": {"init": "pissa"}},
    "rslora": {"variant": {"use_rslora": True}},
    "lora+": {"loraplus_ratio": 4.0},
    "pieces": {"gradient_accumulation_steps": 2},
    "recomputed": {"activation_checkpointing": True},
    "cosine": {"schedule": "cosine"},
    "padded": {"batching": "padded"},
    "separate": {"batching": "separate"},
}


@pytest.mark.parametrize("chosen", VARIANTS.values(), ids=VARIANTS.keys())
def test_variants_paused_within_an_epoch(chosen: Mapping[str, Any]) -> None:
    def train(part: Part) -> list[RunResult]:
        return train_lora(RUNS[:2], epochs=2, dropout=0.1, precision="bf16", part=part, **chosen)

    same(in_parts(train, 11), train(WHOLE))


@pytest.mark.parametrize(("family", "batching"), [("gpt2", "packed"), ("albert", "padded")])
def test_other_families(family: str, batching: Batching) -> None:
    def train(part: Part) -> list[RunResult]:
        given = {"family": family, "batching": batching, "dropout": 0.1}
        return train_lora(RUNS[:2], epochs=2, part=part, **given)

    same(in_parts(train, 5), train(WHOLE))


@each_precision
def test_full_fine_tuning_paused(precision: str) -> None:
    model, data = toys.load(saved("bert"), 0.1), toys.prepared()
    settings = toys.train_settings(epochs=2, precision=precision)

    def train(part: Part) -> list[RunResult]:
        run = Run("full", None, 0.001, 3)
        return full.train_full(
            model, [run], data, settings, toys.CPU, Progress("toy", 1), part=part
        )

    whole = train(WHOLE)
    for step in (3, 8, 11):
        same(in_parts(train, step), whole)


def test_runs_that_ended_early_before_the_pause_stay_where_they_ended() -> None:
    runs = [lora_run(0), lora_run(3), lora_run(9, 0.02)]

    def train(part: Part) -> list[RunResult]:
        return train_lora(runs, epochs=8, early_stopping=2, part=part)

    whole = train(WHOLE)
    assert len({len(result.validation) for result in whole}) > 1
    for step in (12, 24, 30, 40, 45):
        same(in_parts(train, step), whole)


def test_a_run_that_went_astray_stays_so_and_the_others_go_on() -> None:
    runs = [lora_run(0), lora_run(0, 1e38)]

    def train(part: Part) -> list[RunResult]:
        return train_lora(runs, epochs=2, part=part)

    _, lost = train(Part(end=5))
    assert (lost.diverged_at, lost.standing, lost.paused_at) == (3, None, 5)
    whole, parted = train(WHOLE), in_parts(train, 5)
    same(parted[:1], whole[:1])
    assert parted[1].diverged_at == whole[1].diverged_at == 3


def test_a_paused_run_stands_by_its_best_validation_up_to_there() -> None:
    def train(end: int) -> RunResult:
        (result,) = train_lora([lora_run(0)], epochs=6, part=Part(end=end))
        return result

    whole = train_lora([lora_run(0)], epochs=6)[0].validation
    better = Classification().better
    for end in (8, 24, 40):
        points = whole[: end // 8]
        standing = train(end).standing
        assert standing in points
        assert not any(better(point, standing) for point in points if standing is not None)
    within = train(3)
    assert within.validation == ()
    assert within.standing is not None
    assert (within.standing.epoch, within.standing.step) == (1, 3)
    assert within.loss_values == train(5).loss_values[:3]


def test_the_base_model_is_as_before_after_a_pause() -> None:
    model = toys.load(saved("bert"))
    before = {name: x.clone() for name, x in model.state_dict().items() if "classifier" not in name}
    config = toys.lora_config(toys.EVERY["bert"])
    given = ([config], [lora_run(0)], toys.prepared(), toys.train_settings(), toys.CPU)
    lora.train_lora(model, *given, Progress("toy", 1), part=Part(end=3))
    after = model.state_dict()
    assert all(torch.equal(x, after[name]) for name, x in before.items())


def test_only_what_going_on_takes_is_kept() -> None:
    (first,) = train_lora([lora_run(0)], epochs=2, part=Part(end=3))
    (second,) = train_lora([lora_run(0)], epochs=2, part=Part(end=11))
    names = {"master", "exp_avg", "exp_avg_sq", "generator"}
    assert first.state.keys() == names
    assert second.state.keys() == names | {"best"}
    assert len({first.state[name].shape for name in names - {"generator"}}) == 1
