"""Studies whose true accuracies are known, and mean squares of known variances."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from study.statistics.crossed import Crossed, crossed

EASE, LUCK, ANSWER = 1.2, 0.03, 0.6  # standard deviations: a sentence's, a seed's, an answer's


def study(
    rng: np.random.Generator,
    accuracies: Sequence[float],
    num_seeds: int,
    num_sentences: int,
    of_run: float = 0.05,
    of_taste: float = 0.3,
    luck: float = LUCK,
) -> NDArray[np.bool_]:
    """Return right answers (arms, seeds, sentences) of arms whose expected accuracies are given.

    An answer is right where a normal variable passes the arm's threshold. Its parts: the sentence's
    ease and the seed's `luck`, which arms share, the run's luck (`of_run`, arm and seed), the arm's
    taste in sentences (`of_taste`) and the single answer. Their sum has a known variance, so the
    expectation over seeds and sentences is exact.
    """
    shape = (len(accuracies), num_seeds, num_sentences)
    value = (
        EASE * rng.normal(size=(1, 1, num_sentences))
        + luck * rng.normal(size=(1, num_seeds, 1))
        + of_run * rng.normal(size=(*shape[:2], 1))
        + of_taste * rng.normal(size=(shape[0], 1, num_sentences))
        + ANSWER * rng.normal(size=shape)
    )
    deviation = np.sqrt(EASE**2 + luck**2 + of_run**2 + of_taste**2 + ANSWER**2)
    return value > -norm.ppf(accuracies)[:, None, None] * deviation


def differences(correct: NDArray[np.bool_]) -> list[Crossed]:
    """Return the difference of every arm to the last one, full fine-tuning."""
    scores = correct.astype(float)
    return [crossed(arm - scores[-1]) for arm in scores[:-1]]


def stacked(studies: Sequence[Crossed]) -> Crossed:
    """Return repetitions of one study as the draws of one."""
    parts = (
        np.concatenate([getattr(study, name) for study in studies])
        for name in ("mean", "seeds", "sentences", "rest")
    )
    return Crossed(*parts, studies[0].num_seeds, studies[0].num_sentences)


def repeated(
    repetitions: int,
    accuracies: Sequence[float],
    num_seeds: int,
    num_sentences: int,
    **parts: float,
) -> list[Crossed]:
    """Return each arm's difference to the last one in so many studies, one study a draw."""
    rng = np.random.default_rng([repetitions, num_seeds, num_sentences])
    every = [
        differences(study(rng, accuracies, num_seeds, num_sentences, **parts))
        for _ in range(repetitions)
    ]
    return [stacked(of_arm) for of_arm in zip(*every, strict=True)]


def at_most(rate: float, repetitions: int) -> float:
    """Return what a share of so many repetitions of a chance `rate` hardly ever exceeds."""
    return rate + 3 * np.sqrt(rate * (1 - rate) / repetitions)
