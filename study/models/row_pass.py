"""One pass over padded rows: whose rows they are, and what draws their dropout.

Layers with a run axis must know of which runs the rows are. A layer that computes itself anew for
its backward pass does so when other rows may have gone through since: it remembers its own pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn
from transformers.modeling_layers import GradientCheckpointingLayer

from study.models.dropout import RunDropout

_MARK = "_row_pass"
_RUN = "active_run"  # of a layer that holds one weight a run: RunLinear, LoRALinear
_ENABLED = "enabled"  # of a LoRALinear


@dataclass(frozen=True, eq=False)
class RowPass:
    """A pass over padded rows.

    Attributes:
        generators: of dropout, one for each run whose rows go through.
        run: the one run that all rows belong to; None: run-major rows of every run.
        draws: whether dropout draws in it.
    """

    generators: Sequence[torch.Generator]
    run: int | None
    draws: bool = False

    @contextmanager
    def over(self, model: nn.Module) -> Iterator[None]:
        """Let the modules of a model, or of one of its layers, compute for this pass."""
        modules = list(model.modules())
        for module in modules:
            if isinstance(module, RunDropout):
                module.generators, module.row_tokens, module.share = self.generators, (), None
            elif hasattr(module, _RUN):
                setattr(module, _RUN, self.run)
            elif isinstance(module, GradientCheckpointingLayer):
                setattr(module, _MARK, self)
        try:
            yield
        finally:
            for module in modules:
                if hasattr(module, _RUN):
                    setattr(module, _RUN, None)
                elif isinstance(module, GradientCheckpointingLayer):
                    setattr(module, _MARK, None)


def pass_of(layer: nn.Module) -> RowPass | None:
    """Return the pass that goes through a layer now; None: its rows are packed."""
    found: RowPass | None = getattr(layer, _MARK, None)
    return found


@contextmanager
def bare(model: nn.Module) -> Iterator[None]:
    """Let the model's adapters add nothing, within the `with`."""
    before = [
        (module, getattr(module, _ENABLED))
        for module in model.modules()
        if hasattr(module, _RUN) and hasattr(module, _ENABLED)
    ]
    for module, _ in before:
        setattr(module, _ENABLED, False)
    try:
        yield
    finally:
        for module, enabled in before:
            setattr(module, _ENABLED, enabled)


@contextmanager
def seeded(generator: torch.Generator) -> Iterator[None]:
    """Let what draws from torch's own generator (dropout as a function) draw from a run's.

    torch's own is left as it was.
    """
    device = generator.device
    seed = int(torch.randint(2**62, (1,), generator=generator, device=device))
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
