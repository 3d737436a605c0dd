"""A causal language model all of whose parameters train, its output layer too.

`study.models.response_loss.TokenLosses` gives a frozen output layer no gradient; here autograd goes
through it. Where the output layer shares the table of the input embedding, which stays fp32 since
its gradient adds up many rows of the same token, it multiplies by a copy in the dtype of computing.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel

from study.batches.packing import Batch, PackedBatch
from study.models.causal import PackedCausalLM, decoded
from study.models.dropout import use_generators
from study.models.pretrained import is_packed
from study.models.response_loss import responses

_LOGITS_AT_ONCE = 2**25  # numbers, of 4 bytes each


class CastLinear(nn.Linear):
    """A linear layer that computes in the dtype of what it is given, whatever its weight has."""

    @classmethod
    def of(cls, layer: nn.Linear) -> CastLinear:
        """Return one that shares the parameters of a linear layer."""
        made = cls(layer.in_features, layer.out_features, layer.bias is not None, device="meta")
        made.weight, made.bias = layer.weight, layer.bias
        return made

    def forward(self, input: Tensor) -> Tensor:
        """Return x W^T + b in the dtype of x."""
        bias = None if self.bias is None else self.bias.to(input.dtype)
        return F.linear(input, self.weight.to(input.dtype), bias)


class TunedCausalLM(PackedCausalLM):
    """One run's language model, none of it frozen.

    Args:
        model: as `load_causal` gives it, in fp32; its output layer becomes a `CastLinear`.
        seeds: of the run, one.
    """

    def __init__(self, model: PreTrainedModel, seeds: Sequence[int]) -> None:
        head = model.get_output_embeddings()
        if type(head) is nn.Linear:
            model.set_output_embeddings(CastLinear.of(head))
        super().__init__(model, seeds)

    def forward(self, batch: Batch, generators: Sequence[torch.Generator] = ()) -> Tensor:
        """Return of every pair the summed loss of its response and its right tokens, (1, B, 2).

        Args:
            generators: of dropout; needed in training mode only.
        """
        if not is_packed(self.model):  # its own logits, by its own output layer
            return super().forward(batch, generators)
        assert isinstance(batch, PackedBatch)  # there are no features of a language model to feed
        use_generators(self, generators, batch.row_tokens, batch.share)
        at = responses(batch)
        rows = decoded(self.model, batch, generators).index_select(0, at.predictors)
        losses, right = self._token_losses(rows, at.targets)
        outputs = losses.new_zeros(batch.labels.numel(), 2)
        outputs = outputs.index_add(0, at.pairs, torch.stack([losses, right], dim=1))
        by_run: Tensor = outputs.view(*batch.labels.shape, 2)
        return by_run

    def _token_losses(self, rows: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return -log p of every target, and 1 where it is the likeliest token, (T,) fp32.

        Of many tokens some at a time, whose logits the backward pass computes anew: memory does not
        grow with them.
        """
        head = self.model.get_output_embeddings()
        weight, bias = head.weight, head.bias
        step = max(1, _LOGITS_AT_ONCE // len(weight))
        if len(rows) <= step:
            return _losses(rows, weight, bias, targets)
        parts = [
            checkpoint(
                *(_losses, rows[i : i + step], weight, bias, targets[i : i + step]),
                use_reentrant=False,
            )
            for i in range(0, len(rows), step)
        ]
        return torch.cat([losses for losses, _ in parts]), torch.cat([right for _, right in parts])


def _losses(
    rows: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor
) -> tuple[Tensor, Tensor]:
    cast = None if bias is None else bias.to(rows.dtype)
    logits = F.linear(rows, weight.to(rows.dtype), cast).float()
    right = (logits.detach().argmax(dim=1) == targets).float()
    return F.cross_entropy(logits, targets, reduction="none"), right
