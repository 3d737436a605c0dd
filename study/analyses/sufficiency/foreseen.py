"""What a study can show, told before it trains.

How much two tuned models differ from seed to seed and from sentence to sentence is not known before
they are trained. Here it is taken to be as on the default study (MiniLM on Rotten Tomatoes, LoRA of
six ranks against full fine-tuning, 3 seeds, 3,000 test sentences): variances of one paired
difference, pooled over ranks. Models that agree more are told apart with less.
"""

from __future__ import annotations

from study.analyses.sufficiency.planning import Components, Question, power

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
