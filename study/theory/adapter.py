"""The study's own LoRA layer around the linear model's frozen base, in double precision.

Double precision, because a bound that is exact can only be met to the arithmetic's precision.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from lora.layer import LoRALinear
from study.theory.problem import Array, Teacher


def adapt(
    teacher: Teacher, ranks: Sequence[int], scalings: Sequence[float], seeds: Sequence[int]
) -> LoRALinear:
    """Wrap W0; one run for each entry, A from its seed (the same rows first at every rank), B = 0.

    The factors hold float64.
    """
    rows, columns = teacher.base.shape
    base = nn.Linear(columns, rows, bias=False, dtype=torch.float64)
    base.weight = nn.Parameter(torch.from_numpy(teacher.base), requires_grad=False)
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    layer = LoRALinear(base, ranks=ranks, scalings=scalings, generators=generators).double()
    layer.scaling = torch.tensor(layer.scalings, dtype=torch.float64)  # it was rounded to fp32
    return layer


def updates(layer: LoRALinear) -> Tensor:
    """Return each run's s B A, (runs, out, in)."""
    s = torch.tensor(layer.scalings, dtype=torch.float64)
    return s[:, None, None] * (layer.lora_B.detach() @ layer.lora_A.detach())


def losses(layer: LoRALinear, x: Tensor, y: Tensor) -> Tensor:
    """Return each run's squared error, summed over outputs and averaged over rows (runs,).

    Args:
        x: (runs, n, in)
        y: (runs, n, out)
    """
    error: Tensor = layer(x) - y
    return error.square().sum(dim=(1, 2)) / x.shape[1]


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch to one thread: matrices this small only wait for a second one.

    It also makes the bytes that come out the same whatever the number of cores.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def tensors(xs: Sequence[Array], ys: Sequence[Array]) -> tuple[Tensor, Tensor]:
    """Stack one sample for each run: x (runs, n, in), y (runs, n, out)."""
    stack = [torch.stack([torch.from_numpy(a) for a in arrays]) for arrays in (xs, ys)]
    return stack[0], stack[1]
