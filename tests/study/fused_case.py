"""One fused layer and its inputs, held against Hugging Face's own modules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import BertConfig, BertModel

from lora.inject import inject
from study.batches.packing import pack
from study.models import attention
from study.models.attention import Packing
from study.models.dropout import replace_dropout, use_generators
from study.models.fused_layer import fuse
from tests.lora.models import FAMILIES, HIDDEN, config, generator, randomise
from tests.study import toys

Q_V = ("query", "value")


ALL_SIX = ("query", "key", "value", "dense")


each_shape = pytest.mark.parametrize("last", [False, True], ids=["inner", "read out"])


def bert(dropout: float = 0.0, dtype: torch.dtype = torch.float32, **changes: Any) -> BertModel:
    """Build a fused BERT whose weights are large enough for mistakes to show."""
    attention.register()
    words = FAMILIES["bert"].config.to_diff_dict() | {
        "initializer_range": 0.25,
        "hidden_dropout_prob": dropout,
        "attention_probs_dropout_prob": dropout,
    }
    words.pop("model_type", None)
    made = BertConfig(**words | changes)
    made._attn_implementation = attention.NAME
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = BertModel(made)
        for parameter in model.parameters():
            if parameter.ndim == 1:  # biases are zeros and norms ones otherwise
                parameter.data.add_(0.1 * torch.randn(parameter.shape))
    model.to(dtype)
    replace_dropout(model)
    fuse(model)
    return model.requires_grad_(False).eval()


class Case:
    """One layer of a saved BERT, adapted for a number of runs, and a batch to put through it.

    Attributes:
        layer: fused; the last one of the model makes the readout's outputs alone.
        x: (R, N, hidden), the layer's input.
        leaves: x and every parameter of the layer, by name.
    """

    def __init__(
        self,
        dtype: torch.dtype = torch.float32,
        runs: int = 3,
        targets: Sequence[str] = Q_V,
        last: bool = False,
        scalings: Sequence[float] = (2.0, 0.5, 1.5),
        dropout: float = 0.0,
    ) -> None:
        self.model = bert(dropout, dtype)
        if targets:
            whole = config(targets, rank=3, dropout=dropout)
            configs = [replace(whole, alpha=3.0 * s) for s in scalings[:runs]]
            inject(self.model, configs, [generator(run) for run in range(runs)])
            randomise(self.model)
            replace_dropout(self.model)
        if dtype == torch.float64:
            self.model.double()  # factors too
        self.layer = self.model.encoder.layer[1 if last else 0]
        data = toys.split(12, seed=3)
        chosen = [
            torch.tensor([0, 4, 2, 8]),
            torch.tensor([1, 3, 5, 11]),
            torch.tensor([9, 6, 7, 10]),
        ]
        self.batch = pack(data, chosen[:runs], 0, 2)
        self.last, self.runs = last, runs
        draw = generator(8)
        shape = (runs, self.batch.input_ids.shape[1], HIDDEN)
        self.x = torch.randn(shape, generator=draw).to(dtype).requires_grad_()
        rows = self.batch.first.numel() if last else shape[0] * shape[1]
        self.weights = torch.randn(rows, HIDDEN, generator=draw).to(dtype)
        self.leaves = {"x": self.x, **dict(self.layer.named_parameters())}
        for leaf in self.leaves.values():
            leaf.requires_grad_()

    def packing(self, seed: int = 0) -> Packing:
        draws = [generator(seed + run) for run in range(self.runs)]
        use_generators(self.model, draws, self.batch.row_tokens)
        readout = self.batch.first.flatten() if self.last else None
        return Packing(self.batch.layout, draws, readout)

    def fused(self) -> Tensor:
        out: Tensor = self.layer(self.x, packing=self.packing())
        return out.reshape(-1, HIDDEN)

    def modules(self) -> Tensor:
        """Compute with the class's own forward; of a read-out layer keep what is read."""
        packing = self.packing()
        out: Tensor = type(self.layer).forward(self.layer, self.x, packing=packing)
        rows = out.reshape(-1, HIDDEN)
        return rows if packing.readout is None else rows.index_select(0, packing.readout)

    def train_only(self, names: Sequence[str]) -> None:
        for name, leaf in self.leaves.items():
            leaf.requires_grad_(name in names)

    def gradients(self, forward: Callable[[], Tensor]) -> dict[str, Tensor]:
        wanted = {name: leaf for name, leaf in self.leaves.items() if leaf.requires_grad}
        loss = (forward() * self.weights).sum()
        return dict(zip(wanted, torch.autograd.grad(loss, list(wanted.values())), strict=True))


def worst(case: Case) -> float:
    """Return the largest distance of an output or a gradient from the modules' own."""
    found = [distance(case.fused(), case.modules())]
    ours, theirs = case.gradients(case.fused), case.gradients(case.modules)
    for name, mine in ours.items():
        # Softmax does not see the keys' bias: its gradient is nothing but rounding.
        unseen = name.endswith("bias") and ".key." in name
        found.append(distance(mine, theirs[name], case.weights if unseen else theirs[name]))
    return max(found)


def distance(mine: Tensor, other: Tensor, scale: Tensor | None = None) -> float:
    """Return the largest difference of two tensors over the largest element of `scale`."""
    assert mine.shape == other.shape
    assert mine.dtype == other.dtype
    largest = (other if scale is None else scale).detach().abs().max()
    assert largest > 0
    return float((mine - other).detach().abs().max() / largest)


def factors_alone(case: Case) -> Case:
    """Freeze what LoRA freezes, so that weights are held packed."""
    case.train_only([name for name in case.leaves if name == "x" or "lora_" in name])
    return case
