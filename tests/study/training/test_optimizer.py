"""Many runs' AdamW over one flat tensor is torch's AdamW, run by run."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import Trainer, get_linear_schedule_with_warmup, get_scheduler

from study.models.packed import PackedClassifier
from study.training.optimizer import FlatParameters, RunAdamW
from tests.lora.models import Family, generator
from tests.study import toys
from tests.study.toys import each_family, saved

SHAPES = {"a.weight": (3, 4), "a.bias": (3,), "norm.weight": (4,), "b.weight": (2, 3)}


def tensors(runs: int, seed: int = 0) -> dict[str, Tensor]:
    draw = generator(seed)
    return {name: torch.randn(runs, *shape, generator=draw) for name, shape in SHAPES.items()}


def flat(runs: int, dtype: torch.dtype = torch.float32) -> FlatParameters:
    return FlatParameters(
        tensors(runs), runs, dtype, has_run_axis=lambda _: True, keep_fp32="b.weight".__eq__
    )


def adamw(parameters: FlatParameters, rates: list[float], **changes: Any) -> RunAdamW:
    values: dict[str, Any] = {
        "weight_decay": 0.1,
        "max_grad_norm": 1.0,
        "total_steps": 10,
        "warmup_share": 0.3,
    }
    return RunAdamW(parameters, rates, **(values | changes))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_views_hold_what_went_in(dtype: torch.dtype) -> None:
    given, parameters = tensors(2), flat(2, dtype)
    views = parameters.views()
    assert views.keys() == given.keys()
    for name, view in views.items():
        kept = torch.float32 if name == "b.weight" else dtype
        assert view.dtype == kept
        assert torch.equal(view, given[name].to(kept))
    assert parameters.master.dtype == torch.float32
    assert parameters.master.shape == (2, sum(given[name][0].numel() for name in given))
    for run in (0, 1):
        row = parameters.unflatten(parameters.master[run])
        assert all(torch.equal(row[name], given[name][run]) for name in given)


def test_gradients_come_back_where_the_views_came_from() -> None:
    parameters = flat(2)
    weights = tensors(2, seed=9)
    loss = sum((view * weights[name]).sum() for name, view in parameters.views().items())
    gradient = parameters.gradient(loss)
    for run in (0, 1):
        row = parameters.unflatten(gradient[run])
        assert all(torch.equal(row[name], weights[name][run]) for name in weights)


def test_what_has_no_run_axis_serves_one_run_only() -> None:
    shapes = {name: tensor[0] for name, tensor in tensors(1).items()}

    def without_axis(runs: int) -> FlatParameters:
        return FlatParameters(
            shapes, runs, torch.float32, has_run_axis=lambda _: False, keep_fp32=lambda _: True
        )

    views = without_axis(1).views()
    assert all(torch.equal(views[name], shapes[name]) for name in shapes)
    with pytest.raises(ValueError, match=r"a\.weight.*2 runs"):
        without_axis(2)


@each_family
def test_what_decays_is_what_trainer_lets_decay(family: Family) -> None:
    model = toys.load(saved(family.name))
    theirs = {f"model.{name}" for name in Trainer.get_decay_parameter_names(None, model)}
    classifier = PackedClassifier(model, [0])
    heads = set(classifier.head_names)
    parameters = FlatParameters(
        dict(classifier.named_parameters()),
        1,
        torch.bfloat16,
        has_run_axis=heads.__contains__,
        keep_fp32=heads.__contains__,
    )
    marks = torch.zeros(parameters.master.shape[1])
    covered = torch.zeros_like(marks)
    for segment, decays, _ in parameters.segments():
        marks[segment] = float(decays)
        covered[segment] += 1
    assert bool((covered == 1).all())
    rows = parameters.unflatten(marks)
    assert {name for name, x in rows.items() if bool(x.all())} == theirs
    assert all(not x.any() for name, x in rows.items() if name not in theirs)


@pytest.mark.parametrize("warmup_share", [0.0, 0.25, 0.3, 1.0])
def test_each_run_is_torchs_adamw_with_clipping_and_schedule(warmup_share: float) -> None:
    rates, steps = [0.1, 0.003, 1.0], 10
    parameters = flat(3)
    ours = adamw(parameters, rates, warmup_share=warmup_share)
    theirs = []
    for run, rate in enumerate(rates):
        own = {n: torch.nn.Parameter(x[run].clone()) for n, x in tensors(3).items()}
        matrices = [p for p in own.values() if p.ndim > 1]
        others = [p for p in own.values() if p.ndim == 1]
        optimizer = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}],
            lr=rate,
        )
        schedule = get_linear_schedule_with_warmup(
            optimizer, math.ceil(warmup_share * steps), steps
        )
        theirs.append((own, optimizer, schedule))
    for step in range(steps):
        scale = [100.0, 0.01, 1.0][step % 3]  # clipped, not clipped
        gradients = {n: scale * g for n, g in tensors(3, seed=step + 1).items()}
        pieces = [gradients[p.name].reshape(3, -1) for p in parameters.pieces]
        ours.step(torch.cat(pieces, dim=1))
        for run, (own, optimizer, schedule) in enumerate(theirs):
            for name, parameter in own.items():
                parameter.grad = gradients[name][run].clone()
            torch.nn.utils.clip_grad_norm_(own.values(), 1.0)
            optimizer.step()
            schedule.step()
            row = parameters.unflatten(parameters.master[run])
            for name, parameter in own.items():
                torch.testing.assert_close(row[name], parameter.detach(), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize(
    ("schedule", "theirs"),
    [("linear", "linear"), ("cosine", "cosine"), ("constant", "constant_with_warmup")],
)
@pytest.mark.parametrize("warmup_share", [0.0, 0.25, 0.3, 1.0])
def test_schedules_are_those_of_transformers(
    schedule: str, theirs: str, warmup_share: float
) -> None:
    steps = 10
    parameters = flat(1)
    ours = adamw(parameters, [0.1], warmup_share=warmup_share, schedule=schedule)
    other = torch.optim.AdamW([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    factors = get_scheduler(theirs, other, math.ceil(warmup_share * steps), steps)
    for _ in range(steps + 1):
        assert ours.schedule() == pytest.approx(factors.get_last_lr()[0], rel=1e-15, abs=0)
        ours.step(torch.ones_like(parameters.master))
        other.step()
        factors.step()


def test_a_run_clips_by_its_own_norm_and_a_lost_one_disturbs_nobody() -> None:
    gradient = torch.ones(3, flat(1).master.shape[1])
    gradient[0] *= 1e-3
    alone, beside = flat(3), flat(3)
    before = beside.master.clone()
    optimizers = [adamw(p, [0.1] * 3, warmup_share=0.0) for p in (alone, beside)]
    for _ in range(3):
        optimizers[0].step(gradient.clone())
        lost = gradient.clone()
        lost[2] = float("nan")
        optimizers[1].step(lost)
    assert torch.equal(alone.master[:2], beside.master[:2])
    assert bool(beside.master[2].isnan().all())
    assert not torch.equal(before[:2], beside.master[:2])


def test_the_first_step_of_a_warm_up_and_the_end_of_the_decay_change_nothing() -> None:
    parameters = flat(1)
    optimizer = adamw(parameters, [0.1])
    before = parameters.master.clone()
    optimizer.step(torch.ones_like(before))
    assert torch.equal(before, parameters.master)
    factors = []
    for _ in range(10):
        factors.append(optimizer.schedule())
        optimizer.step(torch.ones_like(before))
    assert max(factors) == 1.0
    assert factors[-1] == 0.0
