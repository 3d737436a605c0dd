"""How near the text that a model wrote comes to the one that was wanted, from 0 to 1."""

from __future__ import annotations

import re
from collections.abc import Sequence

from study.studies.instruct.settings.generation import ROUGE_L


class _Words:
    """Cuts a text into words of any script; rouge-score's own way knows a to z and digits alone."""

    def tokenize(self, text: str) -> list[str]:
        """Return the words in lower case."""
        return re.findall(r"[^\W_]+", text.casefold())


def scores(metric: str, wanted: Sequence[str], written: Sequence[str]) -> list[float]:
    """Return the score of every text.

    Args:
        metric: rouge_l (F of the longest common subsequence of words: Lin 2004, "ROUGE: a package
            for automatic evaluation of summaries", 3.1, as package rouge-score has it) or
            exact_match (1 where the texts are the same but for white space).
    """
    if metric != ROUGE_L:
        pairs = zip(wanted, written, strict=True)
        return [float(one.split() == other.split()) for one, other in pairs]
    from rouge_score.rouge_scorer import RougeScorer  # brings nltk, which few studies need

    scorer = RougeScorer(["rougeL"], tokenizer=_Words())
    return [
        float(scorer.score(one, other)["rougeL"].fmeasure)
        for one, other in zip(wanted, written, strict=True)
    ]
