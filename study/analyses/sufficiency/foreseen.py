"""What a study can show, told before it trains.

How much two tuned models differ from seed to seed and from sentence to sentence is not known before
they are trained. Here it is taken to be as on the default study (`study.analyses.sufficiency.usual`
says what that is for each metric). Models that agree more are told apart with less.
"""

from __future__ import annotations

from collections.abc import Sequence

from study.analyses.sufficiency.planning import Components, Question, power
from study.analyses.sufficiency.usual import AS_IF, UNTOLD, USUAL, usual
from study.metrics.measure import ACCURACY, Measure
from study.words.phrases import counted, listed
from study.words.phrases import margin as margin_words

OUT_OF_REACH = 0.1
"""A margin is asked about where a truly equal rank is shown to be within it in one study of ten."""


def chance_beforehand(
    num_seeds: int, num_sentences: int, margin: float, alpha: float, parts: Components = USUAL
) -> float:
    """Return the chance to show a rank to be within a margin (points) of full if it equals it.

    Args:
        alpha: of the one-sided tests.
        parts: how far models differ; by default in accuracy.
    """
    if num_sentences < 2:
        return 0.0
    return power(parts, num_seeds, num_sentences, Question(margin / 100, alpha, power=1.0))


def beforehand(
    num_seeds: int,
    num_sentences: int,
    margins: Sequence[float],
    confidence: float,
    measure: Measure,
) -> str:
    """Say what a study of this size can show, before it trains; or why that cannot be told."""
    parts = usual(measure)
    if parts is None:
        return UNTOLD.format(metric=measure.words)
    alpha = (1 - confidence) / 2
    chances = {
        m: chance_beforehand(num_seeds, num_sentences, m, alpha, parts) for m in sorted(margins)
    }
    told = listed([f"{chance:.0%} within {margin_words(m)}" for m, chance in chances.items()])
    size = f"{counted(num_seeds, 'seed')} and {counted(num_sentences, 'test sentence')}"
    words = (
        f"with {size}, a rank that truly equals full fine-tuning is shown to be so with a chance "
        f"of {told}"
    ).replace("%", " %")
    if measure.name != ACCURACY:
        words += f" of {measure.words} ({AS_IF.get(measure.name, AS_IF[measure.task])})"
    far = [m for m, chance in chances.items() if chance < OUT_OF_REACH]
    if not far:
        return words
    within = listed([margin_words(m) for m in far], "or")
    helps = _what_helps(num_seeds, num_sentences, max(far), alpha, parts)
    return f"{words}: do not expect an answer about {within}. {helps}"


def _what_helps(
    num_seeds: int, num_sentences: int, margin: float, alpha: float, parts: Components
) -> str:
    """Say which of the two, doubled, brings a margin nearer.

    Seeds that are many do not make up for few sentences, which all of them answer. One seed comes
    first of all: without another nobody knows how seeds differ.
    """
    seeds = chance_beforehand(2 * num_seeds, num_sentences, margin, alpha, parts)
    sentences = chance_beforehand(num_seeds, 2 * num_sentences, margin, alpha, parts)
    if num_seeds == 1 or seeds > sentences:
        return "More seeds, then more sentences, help most"
    return "More test sentences help most, then more seeds"
