"""What a trained B A reaches: L-BFGS from B = 0 on the sample's exact loss.

The landscape has no spurious minima (Baldi & Hornik 1989) but a saddle at A = B = 0 and others
where B A misses a direction; with A random and B = 0 descent leaves them all.
"""

from __future__ import annotations

import dataclasses

import torch

from study.theory.adapter import adapt, losses, one_thread, tensors, updates
from study.theory.problem import Array, Sample, Teacher

_MAX_ITERATIONS = 5000
_HISTORY = 30
# Converged: an iteration lowers the loss by less than this share of the base's.
_TOLERANCE = 1e-9


@dataclasses.dataclass(frozen=True)
class Learned:
    """A trained update s B A (d, k), its train loss, and the iterations it took."""

    update: Array
    train_loss: float
    iterations: int


@one_thread()
def learn(teacher: Teacher, sample: Sample, rank: int) -> Learned:
    """Train one adapter of this rank to convergence; s = 1, as L-BFGS finds its own scale."""
    layer = adapt(teacher, [rank], [1.0], [sample.seed])
    x, y = tensors([sample.x], [sample.y])
    factors = [layer.lora_A, layer.lora_B]
    with torch.no_grad():
        start = losses(layer, x, y).item()
    optimizer = torch.optim.LBFGS(
        factors,
        max_iter=_MAX_ITERATIONS,
        max_eval=2 * _MAX_ITERATIONS,
        history_size=_HISTORY,
        tolerance_grad=0.0,
        tolerance_change=_TOLERANCE * start,
        line_search_fn="strong_wolfe",
    )

    def closure() -> float:
        optimizer.zero_grad()
        loss = losses(layer, x, y).sum()
        loss.backward()
        return loss.item()

    optimizer.step(closure)
    with torch.no_grad():
        loss = losses(layer, x, y).item()
    iterations = optimizer.state[factors[0]]["n_iter"]
    return Learned(updates(layer)[0].numpy(), loss, iterations)
