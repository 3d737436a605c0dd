"""Three ways to scale B A with the rank, compared under one optimiser and one learning rate.

    fixed         s = alpha / r         Hu et al. 2021, with alpha left alone as the rank changes
    rslora        s = alpha / sqrt(r)   Kalajdzievski 2023, arXiv 2312.03732
    proportional  s = alpha             lora_alpha = alpha r

They agree at rank 1. From B = 0, with G the loss's gradient by the update (d, k) and rows of A of
like size, the first step at learning rate eta has, to first order,

    gradient norm       s |G A^T|_F              ~ s sqrt(r) : 1/sqrt(r), 1, sqrt(r)
    drop of the loss
        SGD             eta s^2 |G A^T|_F^2      ~ s^2 r     : 1/r, 1, r
        Adam            eta s sum |G A^T|        ~ s r       : 1, sqrt(r), r

in the order above. So under SGD a fixed alpha slows training down as the rank grows, and what looks
like a poor rank is a small step. Adam divides the gradient's size out: a fixed alpha then keeps the
first step's worth, and the other two enlarge it.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from tqdm import tqdm

from study.entry.errors import StudyError
from study.theory.adapter import adapt, losses, one_thread, tensors, updates
from study.theory.problem import Array, Sample, Teacher

SCALES: dict[str, Callable[[float, int], float]] = {
    "fixed": lambda alpha, rank: alpha / rank,
    "rslora": lambda alpha, rank: alpha / math.sqrt(rank),
    "proportional": lambda alpha, rank: alpha,
}

OPTIMIZERS: dict[str, Callable[[list[Tensor], float], torch.optim.Optimizer]] = {
    "sgd": lambda factors, rate: torch.optim.SGD(factors, lr=rate),
    "adam": lambda factors, rate: torch.optim.Adam(factors, lr=rate),
}


@dataclasses.dataclass(frozen=True)
class ScalingRun:
    """One run to train: how B A is scaled, its rank, and the sample and seed it trains on."""

    scaling: str
    rank: int
    sample: Sample


@dataclasses.dataclass(frozen=True)
class Trajectory:
    """What one run went through; the lists hold a value for each of `curve_steps`.

    Attributes:
        loss, gradient_norm, update_norm: before the step after so many; the gradient's is over A
            and B together, the update's |s B A|_F.
        update: s B A (d, k) after the last.
    """

    loss: tuple[float, ...]
    gradient_norm: tuple[float, ...]
    update_norm: tuple[float, ...]
    update: Array


def curve_steps(steps: int) -> list[int]:
    """Return 0, the powers of sqrt(2) below `steps` rounded, and `steps`: where curves are read."""
    powers = (round(2 ** (half / 2)) for half in itertools.count())
    return sorted({0, steps, *itertools.takewhile(lambda step: step < steps, powers)})


@one_thread()
def train(
    teacher: Teacher,
    runs: Sequence[ScalingRun],
    *,
    alpha: float,
    optimizer: str,
    learning_rate: float,
    steps: int,
) -> list[Trajectory]:
    """Train all runs side by side on full batches, from B = 0, A by the sample's seed.

    Both optimisers work element by element, so that each run goes as it would alone.

    Args:
        optimizer: a key of `OPTIMIZERS`.
        steps: of the optimiser; at least 1.

    Raises:
        StudyError: a loss is no longer finite; names the run, the learning rate and the step.
    """
    layer = adapt(
        teacher,
        [run.rank for run in runs],
        [SCALES[run.scaling](alpha, run.rank) for run in runs],
        [run.sample.seed for run in runs],
    )
    x, y = tensors([run.sample.x for run in runs], [run.sample.y for run in runs])
    factors: list[Tensor] = [layer.lora_A, layer.lora_B]
    rule = OPTIMIZERS[optimizer](factors, learning_rate)
    read = set(curve_steps(steps))
    rows: list[Tensor] = []  # each (3, runs)
    title = f"theory, scalings under {optimizer}"
    for step in tqdm(range(steps + 1), desc=title, unit="step", disable=None):
        rule.zero_grad()
        loss = losses(layer, x, y)
        if not torch.isfinite(loss).all():
            raise StudyError(_diverged(runs, loss, optimizer, learning_rate, step))
        loss.sum().backward()
        if step in read:
            gradients = [factor.grad for factor in factors if factor.grad is not None]
            rows.append(torch.stack([loss.detach(), _norms(gradients), _norms([updates(layer)])]))
        if step < steps:
            rule.step()
    curves = torch.stack(rows).permute(2, 1, 0).tolist()  # (runs, 3, read)
    final = updates(layer).numpy()
    return [
        Trajectory(tuple(loss), tuple(gradient), tuple(norm), update)
        for (loss, gradient, norm), update in zip(curves, final, strict=True)
    ]


def _norms(parts: Sequence[Tensor]) -> Tensor:
    """Return each run's Euclidean norm over all parts, each (runs, ...): (runs,)."""
    squares = [part.square().flatten(1).sum(dim=1) for part in parts]
    return torch.stack(squares).sum(dim=0).sqrt()


def _diverged(
    runs: Sequence[ScalingRun], loss: Tensor, optimizer: str, learning_rate: float, step: int
) -> str:
    """Say which runs' loss is no longer finite."""
    bad = itertools.compress(runs, (~torch.isfinite(loss)).tolist())
    names = ", ".join(f"{run.scaling} rank {run.rank} seed {run.sample.seed}" for run in bad)
    return (
        f"theory.{optimizer}_learning_rate: {learning_rate}; the loss is not finite at step {step} "
        f"for scaling {names}; allowed: a rate that every scaling and rank survives"
    )
