"""AdamW over the trainable tensors of many runs, held as one flat fp32 tensor.

`FlatParameters` owns `master` (R, P): one row a run, all its trainable numbers end to end, always
fp32. A step casts the row once to the dtype of computing and hands the model views of the copy;
the views' gradients are gathered in one tensor (R, P). Master, copy, gradient and moments are
written in place all through training: nothing of their size is allocated in a step. Rows never mix:
a run clips by its own norm, has its own learning rate, and if it diverges its neighbours do not
notice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class _Piece:
    name: str
    shape: torch.Size  # as the model has it
    row_shape: torch.Size  # without the run axis
    decays: bool
    rate_factor: float
    cast: bool


class Segment(NamedTuple):
    """A stretch of a row whose tensors are stepped alike."""

    place: slice
    decays: bool
    rate_factor: float


class FlatParameters:
    """Trainable tensors of R runs as rows of one tensor.

    Args:
        parameters: by name; those that `has_run_axis` names are (R, ...), the others, allowed for
            a single run alone, have the pretrained model's own shape.
        runs: R.
        dtype: the model computes with.
        keep_fp32: names whose views stay fp32 whatever `dtype` is.
        also_decays: names of vectors that decay nevertheless.
        rate_factor: of the run's learning rate, by a tensor's name and shape without the run axis.
        other_names: that a tensor has in the model besides its own, and its own.
    """

    def __init__(
        self,
        parameters: Mapping[str, Tensor],
        runs: int,
        dtype: torch.dtype,
        *,
        has_run_axis: Callable[[str], bool],
        keep_fp32: Callable[[str], bool],
        also_decays: Callable[[str], bool] = lambda _: False,
        rate_factor: Callable[[str, torch.Size], float] = lambda *_: 1.0,
        other_names: Mapping[str, str] | None = None,
    ) -> None:
        self.runs, self.dtype = runs, dtype
        pieces = []
        for name, tensor in parameters.items():
            row_shape = tensor.shape[1:] if has_run_axis(name) else tensor.shape
            if row_shape.numel() * runs != tensor.numel():
                raise ValueError(f"{name}: shape {tuple(tensor.shape)} does not hold {runs} runs")
            # As in transformers' Trainer, biases and norms do not decay.
            decays = len(row_shape) > 1 or also_decays(name)
            factor = rate_factor(name, row_shape)
            cast = dtype != torch.float32 and not keep_fp32(name)
            pieces.append(_Piece(name, tensor.shape, row_shape, decays, factor, cast))
        self.pieces = tuple(sorted(pieces, key=lambda p: (p.cast, not p.decays, p.rate_factor)))
        rows = [parameters[p.name].detach().float().reshape(runs, -1) for p in self.pieces]
        self.master = torch.cat(rows, dim=1)
        self._sizes = [piece.row_shape.numel() for piece in self.pieces]
        self._gradient = torch.zeros_like(self.master)
        kept = sum(p.row_shape.numel() for p in self.pieces if not p.cast)
        self._to_cast = self.master[:, kept:]
        self._cast = self._to_cast.to(dtype)
        parts = [*self.master[:, :kept].split(self._sizes[: self._count(cast=False)], dim=1)]
        parts += self._cast.split(self._sizes[self._count(cast=False) :], dim=1)
        self._views = {
            piece.name: _shaped(part, piece.shape).requires_grad_()
            for piece, part in zip(self.pieces, parts, strict=True)
        }
        others = (other_names or {}).items()
        self._named = self._views | {other: self._views[name] for other, name in others}

    def _count(self, cast: bool) -> int:
        return sum(piece.cast == cast for piece in self.pieces)

    def views(self) -> dict[str, Tensor]:
        """Return every tensor in the shape and dtype that the model computes with, as it is now.

        They are the same tensors on every call, leaves for autograd, and change with each
        optimiser step: take the gradient of what was computed from them before it.
        """
        with torch.no_grad():
            self._cast.copy_(self._to_cast)
        return self._named

    def gradient(self, loss: Tensor, *, add: bool = False) -> Tensor:
        """Return the gradient (R, P) of a scalar that was computed from the views.

        The tensor is the same on every call; a view that the scalar does not depend on gets 0.

        Args:
            add: to what the last call returned, in fp32.
        """
        grads = torch.autograd.grad(loss, list(self._views.values()), allow_unused=True)
        parts = self._gradient.split(self._sizes, dim=1)
        for part, grad in zip(parts, grads, strict=True):
            if add:
                part.add_(0 if grad is None else grad.reshape(part.shape))
            elif grad is None:
                part.zero_()
            else:
                part.copy_(grad.reshape(part.shape))
        return self._gradient

    def segments(self) -> list[Segment]:
        """Return the stretches of a row whose tensors decay alike and have one rate factor."""
        found: list[Segment] = []
        start = 0
        for piece, size in zip(self.pieces, self._sizes, strict=True):
            alike = (piece.decays, piece.rate_factor)
            begin = found.pop().place.start if found and found[-1][1:] == alike else start
            found.append(Segment(slice(begin, start + size), *alike))
            start += size
        return found

    def unflatten(self, row: Tensor) -> dict[str, Tensor]:
        """Cut one row (P,) into that run's tensors, fp32, without the run axis."""
        parts = row.split(self._sizes)
        return {p.name: x.view(p.row_shape) for p, x in zip(self.pieces, parts, strict=True)}


def _shaped(rows: Tensor, shape: torch.Size) -> Tensor:
    """View columns (R, n) of a wider tensor as (R, ...), or as (...) without a run axis."""
    if len(rows) == 1:
        return rows[0].view(shape)
    shaped: Tensor = rows.unflatten(1, shape[1:])
    return shaped


def _linear(step: int, warmup: int, total: int) -> float:
    return max(0.0, (total - step) / max(1, total - warmup))


def _cosine(step: int, warmup: int, total: int) -> float:
    return max(0.0, 0.5 * (1.0 + math.cos(math.pi * (step - warmup) / max(1, total - warmup))))


# The factor of the peak rate at a step behind the warm-up, of so many steps in all.
DECAYS: dict[str, Callable[[int, int, int], float]] = {
    "linear": _linear,
    "cosine": _cosine,
    "constant": lambda *_: 1.0,
}


MOMENTS = ("exp_avg", "exp_avg_sq")  # as torch names them


class RunAdamW:
    """torch's fused AdamW with a learning rate and a gradient norm for each run.

    Args:
        parameters: whose rows are trained.
        learning_rates: peak rate of each run.
        weight_decay: of matrices; biases and norms have none.
        max_grad_norm: each run's gradient is scaled down to this norm.
        total_steps: of the schedule, which begins with a linear warm-up over `warmup_share` of
            them.
        schedule: after that: "linear" or "cosine", both to zero, or "constant".
    """

    def __init__(
        self,
        parameters: FlatParameters,
        learning_rates: Sequence[float],
        *,
        weight_decay: float,
        max_grad_norm: float,
        total_steps: int,
        warmup_share: float,
        schedule: str = "linear",
    ) -> None:
        self.parameters = parameters
        self.learning_rates = tuple(learning_rates)
        self.max_grad_norm = max_grad_norm
        self.total_steps = total_steps
        self.warmup_steps = math.ceil(warmup_share * total_steps)  # as Trainer has it
        self._decay = DECAYS[schedule]
        self.step_count = 0
        self._slices: list[tuple[int, Segment, nn.Parameter]] = []
        groups = []
        for run in range(parameters.runs):
            for segment in parameters.segments():
                part = nn.Parameter(parameters.master[run, segment.place])
                self._slices.append((run, segment, part))
                decay = weight_decay if segment.decays else 0.0
                groups.append({"params": [part], "weight_decay": decay})
        self._adamw = torch.optim.AdamW(groups, lr=0.0, fused=True)

    def schedule(self) -> float:
        """Return the factor of the peak learning rate at the coming step.

        The same as transformers' `get_linear_schedule_with_warmup`, or its cosine or constant kin.
        """
        step, warmup = self.step_count, self.warmup_steps
        if step < warmup:
            return step / max(1, warmup)
        return self._decay(step, warmup, self.total_steps)

    def step(self, gradient: Tensor) -> None:
        """Update `parameters.master` with the gradient (R, P), which is scaled in place."""
        norms = torch.linalg.vector_norm(gradient, dim=1)
        factors = (self.max_grad_norm / (norms + 1e-6)).clamp(max=1.0)
        # A CPU saves a pass over the gradient; on a GPU, reading the answer would make it wait.
        if gradient.device.type != "cpu" or bool((factors < 1).any()):
            gradient.mul_(factors.unsqueeze(1))
        factor = self.schedule()
        for (run, segment, part), group in zip(self._slices, self._adamw.param_groups, strict=True):
            part.grad = gradient[run, segment.place]
            group["lr"] = self.learning_rates[run] * segment.rate_factor * factor
        self._adamw.step()
        self.step_count += 1

    def moments(self, run: int) -> dict[str, Tensor]:
        """Return a run's moments as AdamW names them, each (P,), after a step at least."""
        own = [self._adamw.state[part] for i, _, part in self._slices if i == run]
        return {name: torch.cat([state[name] for state in own]) for name in MOMENTS}

    def take_moments(self, run: int, moments: Mapping[str, Tensor], steps: int) -> None:
        """Go on from a run's moments after so many steps; they are not copied on their device."""
        for i, segment, part in self._slices:
            if i == run:
                self._adamw.state[part] = {
                    "step": torch.tensor(float(steps), device=part.device),
                    **{name: moments[name][segment.place].to(part.device) for name in MOMENTS},
                }
