"""What a study can show, told before it trains.

How much two tuned models differ from seed to seed and from sentence to sentence is not known before
they are trained. Here it is taken to be as on the default study (MiniLM on Rotten Tomatoes, LoRA of
six ranks against full fine-tuning, 3 seeds, 3,000 test sentences): variances of one paired
difference, pooled over ranks. Models that agree more are told apart with less.
"""

from __future__ import annotations

from collections.abc import Sequence

from study.analyses.sufficiency.planning import Components, Question, power
from study.words.phrases import counted, listed
from study.words.phrases import margin as margin_words

# (fraction of right answers)^2: of a seed (.23 points), a sentence (.29 points at 3,000 sentences)
# and the rest of a single answer (.29 points at 3 seeds and 3,000 sentences).
USUAL = Components(of_seed=0.0023**2, of_sentence=3000 * 0.0029**2, of_rest=9000 * 0.0029**2)
OUT_OF_REACH = 0.1
"""A margin is asked about where a truly equal rank is shown to be within it in one study of ten."""


def chance_beforehand(num_seeds: int, num_sentences: int, margin: float, alpha: float) -> float:
    """Return the chance to show a rank to be within a margin (points) of full if it equals it.

    Args:
        alpha: of the one-sided tests.
    """
    if num_sentences < 2:
        return 0.0
    return power(USUAL, num_seeds, num_sentences, Question(margin / 100, alpha, power=1.0))


def beforehand(
    num_seeds: int, num_sentences: int, margins: Sequence[float], confidence: float
) -> str:
    """Say what a study of this size can show, before it trains."""
    alpha = (1 - confidence) / 2
    chances = {m: chance_beforehand(num_seeds, num_sentences, m, alpha) for m in sorted(margins)}
    told = listed([f"{chance:.0%} within {margin_words(m)}" for m, chance in chances.items()])
    size = f"{counted(num_seeds, 'seed')} and {counted(num_sentences, 'test sentence')}"
    words = (
        f"with {size}, a rank that truly equals full fine-tuning is shown to be so with a chance "
        f"of {told}"
    ).replace("%", " %")
    far = [m for m, chance in chances.items() if chance < OUT_OF_REACH]
    if not far:
        return words
    within = listed([margin_words(m) for m in far], "or")
    helps = _what_helps(num_seeds, num_sentences, max(far), alpha)
    return f"{words}: do not expect an answer about {within}. {helps}"


def _what_helps(num_seeds: int, num_sentences: int, margin: float, alpha: float) -> str:
    """Say which of the two, doubled, brings a margin nearer.

    Seeds that are many do not make up for few sentences, which all of them answer. One seed comes
    first of all: without another nobody knows how seeds differ.
    """
    seeds = chance_beforehand(2 * num_seeds, num_sentences, margin, alpha)
    sentences = chance_beforehand(num_seeds, 2 * num_sentences, margin, alpha)
    if num_seeds == 1 or seeds > sentences:
        return "More seeds, then more sentences, help most"
    return "More test sentences help most, then more seeds"
