"""Attention over sentences that are packed end to end, registered with transformers by name.

A packed batch has no padding: `input_ids[R, N]` holds one run's minibatch a row, its sentences one
behind the other. Every layer but attention treats tokens alone and needs no change. Attention must
keep sentences apart, so this module gathers the tokens of a few sentences of like length into one
padded block, does the ordinary matmul, softmax, matmul there, and lays the result end to end:

    tokens (T, heads, d) --rows--> blocks (b * heads, L, d) --attention--> --slots--> (T, heads, d)

Forward and backward are written out by hand. The backward of a gather whose rows are distinct is a
gather with the inverse index, where autograd would scatter-add; and in bf16 on a CPU the fused
scaled-dot-product kernel's backward is several times slower than these three matmuls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface

from study.dropout import keep_mask

NAME = "packed"


@dataclass(frozen=True)
class Block:
    """Sentences of like length, padded to the longest of them.

    Attributes:
        tokens: (b, L) int64, the place of every token among the T = R * N packed ones; padding
            points at the sentence's first token, whose contribution `padding` removes.
        padding: (b, L) bool, True where there is no token; None if all have the same length.
        run: the run that the sentences belong to, or None: the block holds the sentences of all
            runs, an equal share each, one run behind the other.
    """

    tokens: Tensor
    padding: Tensor | None
    run: int | None


@dataclass(frozen=True)
class _HeadBlock:
    rows: Tensor  # (b * heads * L,) rows of the (T * heads, d) view of the queries
    key_rows: Tensor  # the same in the (T * key_heads, d) view of keys and values
    bias: Tensor | None  # (b * heads, L, L) fp32: what is added to the scores, 0 or -inf
    real: Tensor | None  # (b, 1, L, 1): 1 for tokens, 0 for padding
    shape: tuple[int, int]  # (b, L)
    run: int | None


class Layout:
    """Where every sentence of a packed batch stands; the same for all layers of a step.

    Args:
        blocks: cover every token that attention must see exactly once.
        num_tokens: T = R * N, places that no block covers (padding at a row's end) included.
    """

    def __init__(self, blocks: Sequence[Block], num_tokens: int) -> None:
        self.blocks = tuple(blocks)
        self.num_tokens = num_tokens
        self._cache: dict[tuple[int, int, bool, torch.dtype], tuple[list[_HeadBlock], Tensor]] = {}

    def to(self, device: torch.device) -> Layout:
        """Return the layout on a device."""

        def move(x: Tensor | None) -> Tensor | None:
            return None if x is None else x.to(device, non_blocking=True)

        blocks = [
            Block(block.tokens.to(device, non_blocking=True), move(block.padding), block.run)
            for block in self.blocks
        ]
        return Layout(blocks, self.num_tokens)

    def for_heads(
        self, heads: int, key_heads: int, causal: bool, dtype: torch.dtype
    ) -> tuple[list[_HeadBlock], Tensor]:
        """Return the blocks' gather rows, and for each (token, head) its slot (T * heads,).

        Places outside every block get the one extra slot behind the last, which holds zeros.
        """
        key = (heads, key_heads, causal, dtype)
        if key not in self._cache:
            self._cache[key] = self._build(heads, key_heads, causal, dtype)
        return self._cache[key]

    def _build(
        self, heads: int, key_heads: int, causal: bool, dtype: torch.dtype
    ) -> tuple[list[_HeadBlock], Tensor]:
        device = self.blocks[0].tokens.device
        head = torch.arange(heads, device=device).view(1, heads, 1)
        key_head = head // (heads // key_heads)  # grouped-query attention shares key heads
        total = sum(block.tokens.numel() for block in self.blocks) * heads
        slots = torch.full((self.num_tokens, heads), total, dtype=torch.int64, device=device)
        built, start = [], 0
        for block in self.blocks:
            b, length = block.tokens.shape
            tokens = block.tokens.unsqueeze(1)  # (b, 1, L)
            slot = torch.arange(start, start + b * heads * length, device=device)
            start += b * heads * length
            by_token = slot.view(b, heads, length).transpose(1, 2)  # (b, L, heads)
            bias = real = None
            if block.padding is None:
                slots[block.tokens.flatten()] = by_token.reshape(-1, heads)
            else:
                slots[block.tokens[~block.padding]] = by_token[~block.padding]
                bias = torch.zeros(b, 1, 1, length, device=device)
                bias.masked_fill_(block.padding.view(b, 1, 1, length), float("-inf"))
                real = (~block.padding).to(dtype).view(b, 1, length, 1)
            if causal:
                future = torch.full((1, 1, length, length), float("-inf"), device=device).triu(1)
                bias = future if bias is None else bias + future
            if bias is not None:  # laid out in full, since adding a broadcast tensor is slower
                bias = bias.expand(b, heads, length, length).reshape(-1, length, length)
            built.append(
                _HeadBlock(
                    rows=(tokens * heads + head).flatten(),
                    key_rows=(tokens * key_heads + key_head).flatten(),
                    bias=bias,
                    real=real,
                    shape=(b, length),
                    run=block.run,
                )
            )
        return built, slots.flatten()


@dataclass(frozen=True)
class Packing:
    """What a packed forward pass carries from the trainer down to every attention layer."""

    layout: Layout
    generators: Sequence[torch.Generator]  # of dropout, one per run


class _PackedAttention(torch.autograd.Function):
    """softmax(scaling Q K^T + bias) V; Q is (T, heads, d), K and V are (T, key_heads, d)."""

    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        packing: Packing,
        scaling: float,
        dropout: float,
        causal: bool,
    ) -> Tensor:
        (total, heads, width), key_heads = query.shape, key.shape[1]
        blocks, slots = packing.layout.for_heads(heads, key_heads, causal, query.dtype)
        query, key, value = (x.reshape(-1, width) for x in (query, key, value))
        out = query.new_empty(sum(b.rows.numel() for b in blocks) + 1, width)
        out[-1] = 0
        saved, start = [], 0
        for block in blocks:
            b, length = block.shape
            q = query.index_select(0, block.rows).view(b * heads, length, width).mul_(scaling)
            k = key.index_select(0, block.key_rows).view(b * heads, length, width)
            v = value.index_select(0, block.key_rows).view(b * heads, length, width)
            # bf16 softmax is four times slower than fp32's on a CPU, and coarser.
            scores = torch.bmm(q, k.transpose(1, 2)).float()
            if block.bias is not None:
                scores.add_(block.bias)
            probabilities = torch.softmax(scores, dim=-1)
            keep = None
            dropped = probabilities
            if dropout > 0:
                keep = _keep(packing.generators, block, probabilities, dropout)
                dropped = probabilities * keep
            dropped = dropped.to(v.dtype)
            end = start + b * heads * length
            values = out[start:end].view(b * heads, length, width)
            torch.bmm(dropped, v, out=values)
            start = end
            saved += [q, k, v, probabilities, dropped, keep]
        ctx.save_for_backward(*saved)
        ctx.blocks, ctx.slots, ctx.scaling = blocks, slots, scaling
        ctx.shapes = (total, heads, key_heads, width)
        return out.index_select(0, slots).view(total, heads, width)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        total, heads, key_heads, width = ctx.shapes
        grad = grads[0].reshape(-1, width)
        rows = sum(block.rows.numel() for block in ctx.blocks) + 1
        grad_q, grad_k, grad_v = (grad.new_empty(rows, width) for _ in range(3))
        for buffer in (grad_q, grad_k, grad_v):
            buffer[-1] = 0
        start = 0
        for i, block in enumerate(ctx.blocks):
            q, k, v, probabilities, dropped, keep = ctx.saved_tensors[6 * i : 6 * i + 6]
            b, length = block.shape
            end = start + b * heads * length
            at = slice(start, end)
            start = end
            shape = (b * heads, length, width)
            g = grad.index_select(0, block.rows).view(shape)
            if block.real is not None:  # a padded query's output was read by nobody
                g.view(b, heads, length, width).mul_(block.real)
            torch.bmm(dropped.transpose(1, 2), g, out=grad_v[at].view(shape))
            grad_p = torch.bmm(g, v.transpose(1, 2)).float()
            if keep is not None:
                grad_p.mul_(keep)
            grad_scores = torch._softmax_backward_data(grad_p, probabilities, -1, torch.float32).to(
                g.dtype
            )
            torch.bmm(grad_scores, k, out=grad_q[at].view(shape))
            torch.bmm(grad_scores.transpose(1, 2), q, out=grad_k[at].view(shape))
        grad_q.mul_(ctx.scaling)
        grad_q, grad_k, grad_v = (x.index_select(0, ctx.slots) for x in (grad_q, grad_k, grad_v))
        if key_heads != heads:  # a shared key head collects the gradients of its query heads
            grad_k, grad_v = (
                x.view(total, key_heads, heads // key_heads, width).sum(2) for x in (grad_k, grad_v)
            )
        return (
            grad_q.view(total, heads, width),
            grad_k.view(total, key_heads, width),
            grad_v.view(total, key_heads, width),
            None,
            None,
            None,
            None,
        )


def _keep(
    generators: Sequence[torch.Generator], block: _HeadBlock, like: Tensor, dropout: float
) -> Tensor:
    """Draw the block's dropout factors (0 or 1 / (1 - p)), each run's from its own generator."""
    if block.run is not None:
        return keep_mask(like.shape, dropout, generators[block.run], like)
    share = (like.shape[0] // len(generators), *like.shape[1:])
    masks = [keep_mask(share, dropout, generator, like) for generator in generators]
    return torch.cat(masks)


def packed_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    packing: Packing | None = None,
    is_causal: bool | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attention as transformers calls it: (R, heads, N, d) in, (R, N, heads, d) out.

    Args:
        packing: passed as a keyword to the model's forward, which hands it on.

    Raises:
        ValueError: the model was called without `packing`.
    """
    if packing is None:
        raise ValueError("attention 'packed' needs the keyword packing= in the model's forward")
    runs, heads, length, width = query.shape
    causal = bool(getattr(module, "is_causal", False) if is_causal is None else is_causal)

    def flat(x: Tensor) -> Tensor:  # (R, heads, N, d) -> (R * N, heads, d)
        return x.transpose(1, 2).reshape(runs * length, x.shape[1], width)

    scale = width**-0.5 if scaling is None else scaling
    out = _PackedAttention.apply(
        flat(query), flat(key), flat(value), packing, scale, dropout, causal
    )
    return out.view(runs, length, heads, width), None


def register() -> None:
    """Make `attn_implementation="packed"` known to transformers; harmless when repeated."""
    AttentionInterface.register(NAME, packed_attention)
