"""The operations of a BERT-like model's training step in closed form, to hold the counter against.

Only products that some gradient or loss needs: a product of (m, k) and (k, n) is 2 m k n.
"""

from __future__ import annotations

from dataclasses import dataclass

_PROJECTIONS = ("query", "key", "value")


@dataclass(frozen=True)
class Encoder:
    """A BERT-like encoder with a pooler and a linear head.

    Attributes:
        adapted: which of the query, key and value projections carry an adapter.
        adapted_layers: numbers of the layers that do.
    """

    layers: int
    hidden: int
    intermediate: int
    num_labels: int
    rank: int
    adapted: tuple[str, ...]
    adapted_layers: tuple[int, ...]


def step_flops(
    encoder: Encoder, method: str, sentences: float, tokens: float, squared_lengths: float
) -> float:
    """Count one run's step: forward and backward.

    Args:
        method: "lora" (frozen base, adapters and head trained), "full", or "head_only" (a frozen
            encoder run forward in each step).
        sentences: in the minibatch.
        tokens: real ones in it.
        squared_lengths: the sum over its sentences of the squared number of tokens.
    """
    full = method == "full"
    h, r = encoder.hidden, encoder.rank
    square, wide = 2 * tokens * h * h, 2 * tokens * h * encoder.intermediate
    scores = 2 * squared_lengths * h  # one product of queries and keys, or of weights and values
    total = 0.0
    upstream = full  # whether the layer's input needs a gradient
    for layer in range(encoder.layers):
        adapted = encoder.adapted if method == "lora" and layer in encoder.adapted_layers else ()
        total += 4 * square + 2 * wide + 2 * scores  # forward
        low = 2 * tokens * h * r  # x A^T, or its product with B^T
        total += len(adapted) * 2 * low
        if not (upstream or adapted):
            continue
        need = {name: upstream or name in adapted for name in _PROJECTIONS}
        queries_or_keys = need["query"] or need["key"]
        total += scores * (queries_or_keys + need["query"] + need["key"] + need["value"])
        total += square + 2 * wide  # output, down and up: their inputs need gradients
        total += 3 * square * upstream  # query, key, value: theirs do if there is anything below
        total += len(adapted) * low * (3 + upstream)  # dB, dA, through B, through A
        if full:
            total += 4 * square + 2 * wide  # the weights' own gradients
        upstream = True
    head = 2 * sentences * h * encoder.num_labels
    pooler = 2 * sentences * h * h
    total += 2 * head + pooler  # forward, and the head's weight gradient
    total += (head + pooler) * upstream + pooler * full
    return total
