"""Which directions a smaller adapter keeps: so many of each module, or the best for their cost.

A direction of a module costs in + out parameters and brings the square of its singular value. The
adapter's energy is the sum over all modules, |D|_F^2 of all updates side by side. Taken in order of
energy a parameter, the directions kept have the most energy that any choice of as many parameters
has, since within a module singular values descend (the greedy rule of the fractional knapsack:
Dantzig 1957).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from audit.directions import Directions

Ranks = Mapping[str, int]
"""By module, how many of its first directions are kept; 0: none."""


def uniform(found: Sequence[Directions], rank: int) -> dict[str, int]:
    """Keep this many directions everywhere, or all where there are fewer."""
    return {one.module.name: min(rank, one.module.rank, len(one.S)) for one in found}


def largest_rank(found: Sequence[Directions]) -> int:
    """The largest rank of a module."""
    return max(one.module.rank for one in found)


def parameters(found: Sequence[Directions], ranks: Ranks) -> int:
    """Parameters of the factors of these ranks."""
    return sum(one.module.cost * ranks[one.module.name] for one in found)


def energy(found: Sequence[Directions], ranks: Ranks) -> float:
    """The share of the adapter's energy that these ranks keep; an adapter of zeros keeps none."""
    whole = sum(float(one.squares.sum()) for one in found)
    kept = sum(float(one.squares[: ranks[one.module.name]].sum()) for one in found)
    return kept / whole if whole else 0.0


def uniform_rank(found: Sequence[Directions], share: float) -> int:
    """The least rank that keeps this share of the energy in all modules together.

    Raises:
        ValueError: all updates are zero
    """
    if not any(float(one.S[0]) > 0 for one in found):
        raise ValueError("all updates are zero")
    for rank in range(1, largest_rank(found)):
        if energy(found, uniform(found, rank)) >= share:
            return rank
    return largest_rank(found)


def greedy(found: Sequence[Directions], least: int = 0) -> Iterator[tuple[str, int, float]]:
    """Give directions in order of energy a parameter: (module, parameters, energy).

    Those of no energy are never given.

    Args:
        least: directions of each module that are given first whatever they bring.
    """
    rows = []
    for one in found:
        for place, square in enumerate(one.squares.tolist()):
            if square > 0 or place < least:
                worth = square / one.module.cost
                rows.append((place >= least, -worth, one.module.name, one.module.cost, square))
    for _, _, name, cost, square in sorted(rows):
        yield name, cost, square


def best(found: Sequence[Directions], budget: int, least: int = 0) -> dict[str, int]:
    """Ranks of the most energy for at most this many parameters.

    Where the next direction does not fit, cheaper ones that follow still may.

    Args:
        least: rank of every module at the least, where no module can be left out.

    Raises:
        ValueError: the budget is below one direction, or `least` of each module
    """
    ranks = {one.module.name: 0 for one in found}
    left = budget
    full: set[int] = set()  # costs that no longer fit
    for name, cost, _ in greedy(found, least):
        if cost in full or cost > left:
            full.add(cost)
            continue
        ranks[name] += 1
        left -= cost
    if not any(ranks.values()) or min(ranks.values()) < least:
        raise ValueError("too few parameters")
    return ranks


def share_for(found: Sequence[Directions], energy_share: float) -> float:
    """The least share of the factors' parameters that carries this share of the energy."""
    whole = sum(one.module.cost * one.module.rank for one in found)
    wanted = energy_share * sum(float(one.squares.sum()) for one in found)
    spent, kept = 0, 0.0
    for _, cost, square in greedy(found):
        if kept >= wanted * (1 - 1e-12):  # rounding of the sum at a share of 1
            break
        spent, kept = spent + cost, kept + square
    return spent / whole
