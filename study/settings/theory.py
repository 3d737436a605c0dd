"""Section `theory`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from study.entry.kinds import Count, CountOrNull, Positive, Ranks, Seeds
from study.entry.parser import Agreement
from study.entry.rules import number
from study.entry.sections import Section


@dataclass(frozen=True)
class TheorySettings:
    """The linear study: y = W* x + e, learned as W0 + s B A from a finite sample.

    Attributes:
        out_features, in_features: shape of W*, W0 and their difference.
        true_rank: of W* - W0, None for the full one; decay: ratio of each of its singular values
            to the one before.
        condition_number: largest over smallest eigenvalue of the anisotropic input covariance.
        samples: rows per seed; noise: standard deviation of each component of e.
        seeds: of the samples and of A's initial values.
        ranks: those that are trained.
        alpha: of the three scalings that are compared, which agree at rank 1.
        steps: of that comparison; sgd_learning_rate, adam_learning_rate: one for all of it.
    """

    out_features: Count
    in_features: Count
    true_rank: CountOrNull
    decay: Annotated[float, number(maximum=1, above=0)]
    condition_number: Annotated[float, number(1)]
    samples: Count
    noise: Positive
    seeds: Seeds
    ranks: Ranks
    alpha: Positive
    steps: Count
    sgd_learning_rate: Positive
    adam_learning_rate: Positive


AGREEMENTS = (
    Agreement(
        ("theory.ranks", "theory.out_features", "theory.in_features"),
        lambda ranks, rows, columns: max(ranks) <= min(rows, columns),
        "ranks of at most the smaller of out_features and in_features",
    ),
    Agreement(
        ("theory.true_rank", "theory.out_features", "theory.in_features"),
        lambda rank, rows, columns: rank is None or rank <= min(rows, columns),
        "a true_rank of at most the smaller of out_features and in_features",
    ),
    Agreement(
        ("theory.samples", "theory.in_features"),
        lambda samples, columns: samples >= columns + 2,
        "at least in_features + 2 samples: with fewer, least squares has no finite risk",
    ),
)


THEORY = Section("theory", TheorySettings, AGREEMENTS)
