"""Pairs that begin alike, in every way that there is."""

from __future__ import annotations

import torch

from study.records.prepared import Split

# By name: numbers of the pairs below, one list a run.
BATCHES: dict[str, list[list[int]]] = {
    "a tree": [[0, 1, 2, 3, 4]],
    "nothing in common": [[4, 7, 10]],
    "one pair alone": [[2]],
    "all identical": [[8, 9, 11, 8]],
    "one begins another, and is all beginning": [[6, 5, 0]],
    "several runs": [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]],
    "a run with nothing in common beside one that has": [[4, 7, 10], [8, 9, 11]],
}


def pairs() -> Split:
    """Return pairs with a system message, templates and responses in common, or with nothing."""
    draw = torch.Generator().manual_seed(1)

    def tokens(count: int) -> list[int]:
        return torch.randint(1, 60, (count,), generator=draw).tolist()

    system, first, second, answer = tokens(5), tokens(4), tokens(3), tokens(2)
    rows = [
        system + first + tokens(4),
        system + first + tokens(6),
        system + second + tokens(5),
        system + second + tokens(2),
        system + tokens(8),
        system + first,
        system + first + tokens(3),
        tokens(7),
        system + first + second + answer,
        system + first + second + answer,
        [0, *tokens(20)],
        system + first + second + answer,
    ]
    responses = [2, 3, 4, 1, 5, 3, 2, 3, 4, 2, 6, 4]  # two of the same text ask for other tokens
    lengths = torch.tensor([len(row) for row in rows], dtype=torch.int32)
    ids = torch.tensor([token for row in rows for token in row], dtype=torch.int32)
    return Split(ids, lengths, torch.tensor(responses))


def chosen(batch: str) -> list[torch.Tensor]:
    """Return a batch's pairs, one tensor a run."""
    return [torch.tensor(run) for run in BATCHES[batch]]
