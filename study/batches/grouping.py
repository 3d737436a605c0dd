"""Which pairs of a batch make an attention block, which pads them to the most of them."""

from __future__ import annotations

import torch
from torch import Tensor

# What a block costs, in scores: a gathered row of a query or a key, and starting its operations.
ROW, BLOCK = 16, 4096
_NEVER = torch.iinfo(torch.int64).max // 4


def grouped(queries: Tensor, keys: Tensor, most: int) -> list[Tensor]:
    """Group pairs so that blocks pad little: the cheapest cuts of them in order of their queries.

    Args:
        queries, keys: (S,) how many each pair has.
        most: groups at the most.

    Returns:
        The numbers of each group's pairs.
    """
    # By queries, then keys: one number orders both.
    order = (queries * (int(keys.max()) + 1) + keys).argsort(stable=True)
    wide, long = queries[order], keys[order]
    number = len(order)
    first = torch.arange(number)
    # Of pairs i to j: the last has the most queries; the most keys is a running maximum.
    at = torch.where(first[:, None] <= first, long.expand(number, -1), 0)
    high = at.cummax(dim=1).values
    size = first - first[:, None] + 1
    cost = size * (wide * high + ROW * (wide + 2 * high)) + BLOCK
    cost = torch.where(size > 0, cost, _NEVER)
    best, cuts = cost[0], []
    answer, groups = int(best[-1]), 1
    for count in range(2, min(most, number) + 1):
        # The best of the pairs before i, and a block from i on.
        before = torch.cat([best.new_full((1,), _NEVER), best[:-1]])
        best, cut = (before[:, None] + cost).min(dim=0)
        cuts.append(cut)
        if int(best[-1]) < answer:
            answer, groups = int(best[-1]), count
    ends, end = [number], number
    for cut in reversed(cuts[: groups - 1]):
        end = int(cut[end - 1])
        ends.append(end)
    ends = sorted(ends)
    return [order[a:b] for a, b in zip([0, *ends[:-1]], ends, strict=True)]
