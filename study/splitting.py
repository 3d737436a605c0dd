"""Splits sentences into train, validation and test: stratified, seeded, and nested.

Sentences are put into one order in which every prefix holds the classes in their proportions; test
is the first stretch of it, validation the next, train the one after. So a larger training set
contains every smaller one, and no choice of its size changes what is validated or tested on.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from study.errors import StudyError


def stratified_order(labels: Sequence[int], seed: int) -> NDArray[np.int64]:
    """Return a permutation of the sentences whose prefixes are all stratified.

    The k-th (from 0) of the n sentences of a class, in random order, gets the rank (k + 1/2) / n,
    and sentences are sorted by it: the Sainte-Laguë (Webster) apportionment, which is house
    monotone. Of the first m of N sentences, class c holds m n_c / N to within 1/2 + C n_c / 2N,
    C being the number of classes.

    Args:
        labels: class index of every sentence.
        seed: of the random order within each class.
    """
    classes = np.asarray(labels, dtype=np.int64)
    rng = np.random.default_rng(seed)
    rank = np.empty(len(classes))
    for c in np.unique(classes):
        members = rng.permutation(np.flatnonzero(classes == c))
        rank[members] = (np.arange(len(members)) + 0.5) / len(members)
    return np.lexsort((classes, rank))


def stretches(
    labels: Sequence[int], sizes: Sequence[tuple[str, int | None]], seed: int, origin: str
) -> list[NDArray[np.int64]]:
    """Cut stretches off the stratified order, one after another.

    Args:
        labels: class index of every sentence.
        sizes: (settings key, number of sentences); None takes all that are left.
        seed: of the order.
        origin: names the sentences in errors.

    Returns:
        the sentences' indices of each stretch.

    Raises:
        StudyError: more is asked for than is there.
    """
    asked = sum(size for _, size in sizes if size is not None)
    rest = [key for key, size in sizes if size is None]
    if asked + len(rest) > len(labels):
        wanted = " and ".join(f"{key}: {'null' if n is None else n}" for key, n in sizes)
        least = f"at least {asked + len(rest)}" if rest else asked
        raise StudyError(
            f"{wanted} ask for {least} sentences; allowed: at most {len(labels)}, "
            f"which is what {origin} has after cleaning"
        )
    order = stratified_order(labels, seed)
    parts, start = [], 0
    for _, size in sizes:
        stop = len(order) if size is None else start + size
        parts.append(order[start:stop])
        start = stop
    return parts
