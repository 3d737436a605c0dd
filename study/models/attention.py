"""Attention over sentences that are packed end to end, registered with transformers by name.

A packed batch has no padding: `input_ids[R, N]` holds one run's minibatch a row, its sentences one
behind the other. Every layer but attention treats tokens alone and needs no change. Attention must
keep sentences apart, so this module gathers the tokens of a few sentences of like length into one
padded block, does the ordinary matmul, softmax, matmul there, and lays the result end to end:

    tokens (T, heads, d) --rows--> blocks (b * heads, L, d) --attention--> --slots--> (T, heads, d)

Forward and backward are written out by hand. The backward of a gather whose rows are distinct is a
gather with the inverse index, where autograd would scatter-add; and in bf16 on a CPU the fused
scaled-dot-product kernel's backward is several times slower than these three matmuls. What needs
no matrix shape (gathers, casts, masks) is done once for all blocks, end to end in one buffer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from transformers import AttentionInterface

from study.batches.layout import HeadBlock, HeadBlocks, Layout, Sum
from study.models.dropout import keep_mask

NAME = "packed"
# What models hand to attention and attention has no use for.
_NO_MATTER = frozenset(
    {
        *("position_ids", "position_embeddings", "cache_position", "past_key_values", "use_cache"),
        *("output_attentions", "output_hidden_states", "return_dict", "token_type_ids"),
    }
)


@dataclass(frozen=True)
class Packing:
    """What a packed forward pass carries from the trainer down to every layer.

    Attributes:
        generators: of dropout, one per run.
        readout: (S,) int64, the one token of each sentence that the head reads, which must be the
            sentence's first, or None. A fused encoder then makes no other token's output.
        keys_alone: attention raises `KeysAlone` with the keys and values that it is given.
        keys: keys and values (R, key_heads, N, d) in place of those that attention is given.
    """

    layout: Layout
    generators: Sequence[torch.Generator]
    readout: Tensor | None = None
    keys_alone: bool = False
    keys: tuple[Tensor, Tensor] | None = None


class KeysAlone(Exception):
    """Ends a layer where attention begins; see `study.models.last_layer`.

    Attributes:
        keys: keys and values (R, key_heads, N, d).
    """

    def __init__(self, keys: tuple[Tensor, Tensor]) -> None:
        super().__init__("keys and values")
        self.keys = keys


class Attended(NamedTuple):
    """What the backward pass of `attend` needs; rows and scores as in `HeadBlocks`."""

    q: Tensor
    k: Tensor
    v: Tensor
    probabilities: Tensor
    dropped: Tensor
    keep: Tensor | None


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    blocks: HeadBlocks,
    scaling: float,
    dropout: float,
    generators: Sequence[torch.Generator],
) -> tuple[Tensor, Attended]:
    """Compute softmax(scaling Q K^T + bias) V block by block.

    Args:
        query: (Q, heads, d); one row a token, or a sentence if the blocks are those of a readout.
        key, value: (T, key_heads, d).

    Returns:
        (Q, heads, d), and what `attend_backward` needs.
    """
    width = query.shape[-1]
    q = query.reshape(-1, width).index_select(0, blocks.query_rows)
    k = key.reshape(-1, width).index_select(0, blocks.key_rows)
    v = value.reshape(-1, width).index_select(0, blocks.key_rows)
    low = q.new_empty(blocks.scores)
    for at in blocks.each:
        torch.bmm(at.queries(q), at.keys(k).mT, out=at.scores(low))
    # bf16 softmax is four times slower than fp32's on a CPU, and coarser.
    high = torch.promote_types(low.dtype, torch.float32)
    if blocks.bias is None:
        scores = low.to(high).mul_(scaling)
    else:
        scores = torch.add(blocks.bias, low, alpha=scaling)
    probabilities = torch.empty_like(scores)
    for at in blocks.each:
        torch.softmax(at.scores(scores), dim=-1, out=at.scores(probabilities))
    keep = None
    dropped = probabilities
    if dropout > 0:
        keep = torch.cat([_keep(generators, at, probabilities, dropout) for at in blocks.each])
        dropped = probabilities * keep
    dropped = dropped.to(v.dtype)
    out = q.new_empty(len(q) + 1, width)
    out[-1] = 0
    for at in blocks.each:
        torch.bmm(at.scores(dropped), at.keys(v), out=at.queries(out))
    out = out.index_select(0, blocks.query_slots).view(query.shape)
    return out, Attended(q, k, v, probabilities, dropped, keep)


def attend_backward(
    grad: Tensor,
    saved: Attended,
    blocks: HeadBlocks,
    scaling: float,
    *,
    needs_key: bool = True,
    needs_query: bool = True,
) -> tuple[Tensor | None, Tensor | None, Tensor]:
    """Return the gradients of query, key and value, each flat: (Q * heads, d) or (T * heads, d).

    A key head that several query heads share has one row for each of those here, or one for all,
    as the blocks have it.

    Args:
        grad: of the output, (Q, heads, d).
    """
    q, k, v, probabilities, dropped, keep = saved
    width = q.shape[-1]
    g = grad.reshape(-1, width).index_select(0, blocks.query_rows)
    if blocks.real is not None:  # a padded query's output was read by nobody
        g.mul_(blocks.real)
    low = torch.empty_like(dropped)
    grad_v = k.new_empty(len(k) + 1, width)
    for at in blocks.each:
        torch.bmm(at.scores(dropped).mT, at.queries(g), out=at.keys(grad_v))
        if needs_query or needs_key:
            torch.bmm(at.queries(g), at.keys(v).mT, out=at.scores(low))
    grad_q = grad_k = None
    if needs_query or needs_key:
        slope = low.to(probabilities.dtype)
        if keep is not None:
            slope.mul_(keep)
        for at in blocks.each:
            part = at.scores(slope)
            torch._softmax_backward_data(
                part, at.scores(probabilities), -1, part.dtype, grad_input=part
            )
        slope = torch.mul(slope, scaling, out=low)
        if needs_query:
            grad_q = q.new_empty(len(q) + 1, width)
            for at in blocks.each:
                torch.bmm(at.scores(slope), at.keys(k), out=at.queries(grad_q))
        if needs_key:
            grad_k = k.new_empty(len(k) + 1, width)
            for at in blocks.each:
                torch.bmm(at.scores(slope).mT, at.queries(q), out=at.keys(grad_k))
    return (
        None if grad_q is None else _lay_out(grad_q, blocks.query_slots),
        None if grad_k is None else _lay_out(grad_k, blocks.key_slots, blocks.sums),
        _lay_out(grad_v, blocks.key_slots, blocks.sums),
    )


def _lay_out(rows: Tensor, slots: Tensor, sums: Sequence[Sum] = ()) -> Tensor:
    rows[-1] = 0  # for places that no block covers
    laid = rows.index_select(0, slots)
    for each in sums:
        parts = rows.index_select(0, each.slots).view(len(each.rows), each.width, -1)
        laid.index_copy_(0, each.rows, parts.sum(1))
    return laid


class _PackedAttention(torch.autograd.Function):
    """`attend` for autograd; Q is (T, heads, d), K and V are (T, key_heads, d)."""

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
        blocks = packing.layout.for_heads(query.shape[1], key.shape[1], causal, query.dtype)
        out, saved = attend(query, key, value, blocks, scaling, dropout, packing.generators)
        ctx.save_for_backward(*saved)
        ctx.blocks, ctx.scaling, ctx.shapes = blocks, scaling, (query.shape, key.shape)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        query_shape, key_shape = ctx.shapes
        grad_q, grad_k, grad_v = attend_backward(
            grads[0],
            Attended(*ctx.saved_tensors),
            ctx.blocks,
            ctx.scaling,
            needs_query=ctx.needs_input_grad[0],
            needs_key=ctx.needs_input_grad[1],
        )
        tokens, key_heads, width = key_shape

        def shared(x: Tensor | None) -> Tensor | None:  # a key head's gradient, over its queries'
            return None if x is None else x.view(tokens, key_heads, -1, width).sum(2)

        grad_q = None if grad_q is None else grad_q.view(query_shape)
        return grad_q, shared(grad_k), shared(grad_v), None, None, None, None


def _keep(
    generators: Sequence[torch.Generator], at: HeadBlock, like: Tensor, dropout: float
) -> Tensor:
    """Draw the block's dropout factors (0 or 1 / (1 - p)), each run's from its own generator."""
    n, queries, keys = at.shape
    count = n if at.drawn is None else at.drawn.rows
    if at.run is not None:
        mask = keep_mask((count * queries * keys,), dropout, generators[at.run], like)
    else:
        share = (count // len(generators) * queries * keys,)
        mask = torch.cat([keep_mask(share, dropout, generator, like) for generator in generators])
    if at.drawn is not None:
        mask = mask.view(count, queries * keys).index_select(0, at.drawn.own).flatten()
    return mask


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
    sliding_window: int | None = None,
    **others: Any,
) -> tuple[Tensor, None]:
    """Attention as transformers calls it: (R, heads, N, d) in, (R, N, heads, d) out.

    Args:
        packing: passed as a keyword to the model's forward, which hands it on.
        sliding_window: how many tokens back a token sees; more than the sentences have change
            nothing.

    Raises:
        KeysAlone: `packing` asks for keys and values alone.
        ValueError: the model was called without `packing`, or asks attention for something that is
            not done here (a mask or a bias of its own, a cap on scores, sinks, a shorter window).
    """
    if packing is None:
        raise ValueError("attention 'packed' needs the keyword packing= in the model's forward")
    asked = {"attention_mask": attention_mask} | others
    if sliding_window is not None and sliding_window < packing.layout.longest:
        asked["sliding_window"] = sliding_window
    not_done = sorted(k for k, v in asked.items() if k not in _NO_MATTER and _asks(v))
    if not_done:
        raise ValueError(f"attention 'packed' does not know {', '.join(not_done)}")
    if packing.keys_alone:
        raise KeysAlone((key, value))
    if packing.keys is not None:
        key, value = packing.keys
    runs, _heads, length, width = query.shape
    causal = bool(getattr(module, "is_causal", False) if is_causal is None else is_causal)

    def flat(x: Tensor) -> Tensor:  # (R, heads, N, d) -> (R * N, heads, d)
        return x.transpose(1, 2).reshape(runs * x.shape[2], x.shape[1], width)

    scale = width**-0.5 if scaling is None else scaling
    out = _PackedAttention.apply(
        flat(query), flat(key), flat(value), packing, scale, dropout, causal
    )
    return out.view(runs, length, -1, width), None


def _asks(value: Any) -> bool:
    """Whether a keyword's value asks for something: neither absent nor switched off."""
    return value is not None and value is not False


def register() -> None:
    """Make `attn_implementation="packed"` known to transformers; harmless when repeated."""
    AttentionInterface.register(NAME, packed_attention)
