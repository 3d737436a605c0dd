"""Splits sentences into stretches (test, validation, train): stratified, seeded and nested.

Sentences stand in one order in which every prefix holds the classes in their proportions. A split
is a prefix of it; the next is a prefix of what is left once all relatives of the first are set
aside (`study.data.near_duplicates`). So a larger training set contains every smaller one, and no
choice of its size changes what is validated or tested on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from study.entry.errors import StudyError

Indices = NDArray[np.int64]


class TooFew(StudyError):
    """More is asked for than is there; other sizes may fit (`study.data.sizes`)."""


@dataclass(frozen=True, eq=False)
class Stretch:
    """One split: the indices of its sentences, and how many relatives of them were set aside."""

    chosen: Indices
    relatives: int


def stretches(
    labels: Sequence[int],
    families: Indices,
    sizes: Sequence[tuple[str, int | None]],
    seed: int,
    origin: str,
    items: str = "sentences",
) -> list[Stretch]:
    """Cut one stretch after another; no family has members in two of them.

    Args:
        labels: class index of every sentence.
        families: family of every sentence.
        sizes: (settings key, number of sentences) of every stretch; None takes all that are left.
        seed: of the random order.
        origin: names the source in errors; items: what is cut, in words.

    Raises:
        TooFew: more is asked for than is there.
    """
    classes = np.asarray(labels, dtype=np.int64)
    left = np.random.default_rng(seed).permutation(len(classes))
    found: list[Stretch] = []
    for i, (key, size) in enumerate(sizes):
        if len(left) < (size or 1):
            relatives = sum(stretch.relatives for stretch in found)
            before = [f"{k}: {n}" for k, n in sizes[:i]] + [f"{relatives} relatives of these"]
            after = f", after {', '.join(before)}" if found else ""
            raise TooFew(
                f"{key}: {'null' if size is None else size}; allowed: at most {len(left)} "
                f"(of {len(classes)} {items} in {origin}{after})"
            )
        order = left[stratified_order(classes[left])]
        chosen, rest = order[:size], order[len(order) if size is None else size :]
        left = rest[~np.isin(families[rest], families[chosen])]
        found.append(Stretch(chosen, relatives=len(rest) - len(left)))
    return found


def stratified_order(classes: Indices) -> Indices:
    """Return a permutation whose prefixes are all stratified; within a class it keeps the order.

    The k-th (from 0) of the n sentences of a class gets the rank (k + 1/2) / n, and sentences are
    sorted by it: the Sainte-Laguë (Webster) apportionment, which is house monotone. Of the first m
    of N sentences, class c holds m n_c / N to within 1/2 + C n_c / 2N, C the number of classes.

    Args:
        classes: class index of every sentence.
    """
    rank = np.empty(len(classes))
    for c in np.unique(classes):
        members = np.flatnonzero(classes == c)
        rank[members] = (np.arange(len(members)) + 0.5) / len(members)
    return np.lexsort((classes, rank))
