"""What a run that is paused between two steps takes to go on as if it had not been.

Rows never mix (`study.training.optimizer`), so each run keeps its own: tensors by name, to be kept
by any code that keeps a run's state.

    master          (P,) fp32, all its trainable numbers
    exp_avg         (P,) fp32, AdamW's first moments, and
    exp_avg_sq      (P,) fp32, its second ones
    generator       (n,) uint8, the state of its dropout's generator
    best            (P,) fp32, its numbers at its best epoch; missing before any has ended
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from study.training.optimizer import FlatParameters, RunAdamW

State = Mapping[str, Tensor]


def states_of(
    parameters: FlatParameters,
    best: Tensor,
    has_best: Sequence[bool],
    optimizer: RunAdamW,
    generators: Sequence[torch.Generator],
) -> list[dict[str, Tensor]]:
    """Return each run's tensors, on the CPU.

    Args:
        best: (R, P).
        has_best: of each run, whether an epoch of it has been kept.
    """
    return [
        {
            "master": parameters.master[i].cpu().clone(),
            "generator": generators[i].get_state(),
            **{name: moment.cpu() for name, moment in optimizer.moments(i).items()},
            **({"best": best[i].cpu().clone()} if has_best[i] else {}),
        }
        for i in range(parameters.runs)
    ]


@torch.no_grad()
def restore(
    states: Sequence[State],
    step: int,
    parameters: FlatParameters,
    best: Tensor,
    optimizer: RunAdamW,
    generators: Sequence[torch.Generator],
) -> None:
    """Put every run back to where it was after a step.

    Args:
        states: of each run; the moments are taken over on the CPU, not copied.
        best: (R, P), overwritten where a run has one.
    """
    for i, state in enumerate(states):
        parameters.master[i].copy_(state["master"])
        if "best" in state:
            best[i].copy_(state["best"])
        generators[i].set_state(state["generator"])
        optimizer.take_moments(i, state, step)
    optimizer.step_count = step
