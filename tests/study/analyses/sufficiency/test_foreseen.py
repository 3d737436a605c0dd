"""What a study can show is told before it trains, and agrees with simulated studies."""

from __future__ import annotations

import numpy as np
import pytest

from study.analyses.sufficiency.answer import verdict
from study.analyses.sufficiency.foreseen import (
    OUT_OF_REACH,
    USUAL,
    beforehand,
    chance_beforehand,
)
from study.statistics.crossed import crossed

ALPHA = 0.025


def simulated(num_seeds: int, num_sentences: int, margin: float, studies: int) -> float:
    """The share of studies that show a rank within a margin that truly equals full fine-tuning."""
    stream = np.random.default_rng(0)
    shown = 0
    for _ in range(studies):
        seeds = stream.normal(0, USUAL.of_seed**0.5, (num_seeds, 1))
        sentences = stream.normal(0, USUAL.of_sentence**0.5, (1, num_sentences))
        rest = stream.normal(0, USUAL.of_rest**0.5, (num_seeds, num_sentences))
        measured = crossed(seeds + sentences + rest, counts=False)
        mean, half = (100 * float(x[0]) for x in (measured.mean, measured.half_width(ALPHA)))
        shown += verdict(mean - half, mean + half, margin) == "equivalent"
    return shown / studies


@pytest.mark.parametrize(
    ("seeds", "sentences", "margin"), [(3, 3000, 2.0), (3, 3000, 1.0), (5, 1000, 2.0)]
)
def test_the_chance_is_that_of_simulated_studies(seeds, sentences, margin):
    told = chance_beforehand(seeds, sentences, margin, ALPHA)
    assert simulated(seeds, sentences, margin, 300) == pytest.approx(told, abs=0.09)


def test_more_of_anything_helps_and_one_sentence_tells_nothing():
    chances = [
        chance_beforehand(seeds, sentences, margin, ALPHA)
        for seeds, sentences, margin in ((2, 1000, 2), (3, 1000, 2), (5, 3000, 2), (8, 3000, 3))
    ]
    assert chances == sorted(chances)
    assert chance_beforehand(3, 1, 2.0, ALPHA) == 0


def test_what_cannot_be_shown_is_not_asked():
    words = beforehand(3, 3000, (2.0, 0.5, 1.0), 0.95)
    assert "0 % within 0.5 points, 8 % within 1 point and 71 % within 2 points" in words
    assert "do not expect an answer about 0.5 points or 1 point" in words
    assert chance_beforehand(3, 3000, 1.0, ALPHA) < OUT_OF_REACH
    assert "do not expect" not in beforehand(8, 4500, (1.0, 2.0), 0.95)


@pytest.mark.parametrize(
    ("seeds", "sentences", "margin", "first"),
    [
        (3, 400, 2.0, "test sentences"),  # all seeds answer the same few sentences
        (3, 1200, 1.0, "test sentences"),
        (3, 3000, 1.0, "seeds"),
        (2, 3000, 1.0, "seeds"),
        (1, 400, 2.0, "seeds"),
    ],
)
def test_what_helps_most_depends_on_what_there_is_little_of(seeds, sentences, margin, first):
    words = beforehand(seeds, sentences, (margin,), 0.95)
    assert f"More {first}" in words
    of = {
        "seeds": chance_beforehand(2 * seeds, sentences, margin, ALPHA),
        "test sentences": chance_beforehand(seeds, 2 * sentences, margin, ALPHA),
    }
    if seeds > 1:  # of one seed it is never known how seeds differ
        assert of[first] == max(of.values()) > min(of.values())
