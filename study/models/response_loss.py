"""The loss of a language model on responses: the prompt is read, and nothing is asked of it.

A pair stands in a packed batch as one sentence, prompt and response end to end, whose label is the
number of tokens of the response. The token before each response token predicts it; logits over the
vocabulary are made at those places alone, some at a time, and with them their gradient, since the
output layer is frozen: memory does not grow with the number of response tokens.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from study.batches.asked import Responses
from study.batches.packing import PackedBatch
from study.models.padded import Rows
from study.records.runs import Evaluation

_LOGITS_AT_ONCE = 2**25  # numbers, of 4 bytes each


def responses(batch: PackedBatch) -> Responses:
    """Find the response tokens: the last `labels` tokens of every sentence."""
    if batch.asked is not None:
        return batch.asked.responses
    lengths, last = batch.labels.flatten(), batch.last.flatten()
    pairs = torch.arange(len(lengths), device=lengths.device).repeat_interleave(lengths)
    ends = lengths.cumsum(0)
    behind = ends[pairs] - torch.arange(len(pairs), device=lengths.device)  # from the last, 1 on
    predictors = last[pairs] - behind
    return Responses(predictors, batch.input_ids.flatten()[predictors + 1], pairs)


class TokenLosses(torch.autograd.Function):
    """-log p of each target, and whether it is the likeliest token; for a frozen output layer.

    p = softmax(x W^T + b), so that the gradient of -log p[t] is (p - onehot(t)) W.

    Args (of `apply`):
        rows: (T, hidden); weight: (vocabulary, hidden); bias: (vocabulary,) or None; targets: (T,).

    Returns:
        (T,) fp32, and (T,) bool.
    """

    @staticmethod
    def forward(
        ctx: Any, rows: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor
    ) -> tuple[Tensor, Tensor]:
        losses = torch.empty(len(rows), dtype=torch.float32, device=rows.device)
        right = torch.empty(len(rows), dtype=torch.bool, device=rows.device)
        gradient = torch.empty_like(rows) if ctx.needs_input_grad[0] else None
        step = max(1, _LOGITS_AT_ONCE // len(weight))
        for start in range(0, len(rows), step):
            part = slice(start, start + step)
            wanted = targets[part, None]
            logits = F.linear(rows[part], weight, bias).float()
            right[part] = logits.argmax(dim=1) == targets[part]
            log_p = torch.log_softmax(logits, dim=1)
            losses[part] = -log_p.gather(1, wanted)[:, 0]
            if gradient is not None:
                p = log_p.exp_()
                p.scatter_add_(1, wanted, p.new_full(wanted.shape, -1.0))
                gradient[part] = p.to(weight.dtype) @ weight
        if gradient is not None:
            ctx.save_for_backward(gradient)
        ctx.mark_non_differentiable(right)
        return losses, right

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        (gradient,) = ctx.saved_tensors
        return (grads[0].unsqueeze(1) * gradient).to(gradient.dtype), None, None, None


def row_losses(logits: Tensor, rows: Rows, lengths: Tensor) -> Tensor:
    """Return of every row the summed loss of its response and its right tokens, (rows, 2) fp32.

    Args:
        logits: (rows, L, vocabulary), of every token.
        lengths: (rows,) int64, of each row's last tokens, which are its response.
    """
    place = torch.arange(logits.shape[1] - 1, device=logits.device)  # of the token before each
    asked = (place < rows.last[:, None]) & (place >= (rows.last - lengths)[:, None])
    targets = rows.input_ids[:, 1:][asked]
    chosen = logits[:, :-1][asked].float()
    losses = F.cross_entropy(chosen, targets, reduction="none")
    right = (chosen.argmax(dim=1) == targets).float()
    of_row = asked.nonzero()[:, 0]
    sums = torch.zeros(len(rows.mask), 2, device=logits.device)
    return sums.index_add(0, of_row, torch.stack([losses, right], dim=1))


class ResponseLoss:
    """Mean over response tokens; outputs (R, B, 2) hold each pair's sum and its right tokens.

    The epoch of the lowest loss is kept. Accuracy is the share of response tokens that were the
    likeliest one, each after the true tokens before it.
    """

    measured = "accuracy"

    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Return each run's mean over all response tokens of its batch."""
        return outputs[..., 0].sum(dim=1) / labels.sum(dim=1)

    def weight(self, labels: Tensor) -> Tensor:
        """Return the number of response tokens, for each run."""
        return labels.sum(dim=1).float()

    def evaluate(self, outputs: Tensor, labels: Tensor) -> tuple[float, float]:
        """Return the share of right response tokens and their mean loss, in nats."""
        sums = outputs.double().sum(dim=0) / labels.sum()
        return float(sums[1]), float(sums[0])

    def better(self, point: Evaluation, other: Evaluation) -> bool:
        """Whether the loss is lower."""
        return point.loss < other.loss
