"""How far outputs are from the base model's, in nats, from logits of any last axis.

    KL(p || q) = sum_c p_c (log p_c - log q_c)     p of the tuned model, q of the base

(Kullback & Leibler 1951, Ann. Math. Stat. 22, 79; in this direction as the penalty of Ziegler et
al. 2019, arXiv 1909.08593). It asks how badly the base would encode what the tuned model says. Of a
classifier it is one number a sentence (`study.agreement.divergence.kl`); of a language model the
distributions are those of the next token, and a sentence's number is their mean over its tokens.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from study.agreement.divergence import kl

Floats = NDArray[np.float64]
LogitsArray = NDArray[np.float32 | np.float64]

_AT_ONCE = 2**20  # logits that are held in fp64


def token_kl(tuned: LogitsArray, base: LogitsArray, lengths: NDArray[np.int64]) -> Floats:
    """Return KL(tuned || base) of each sentence, mean over its tokens, (n,).

    Args:
        tuned, base: (tokens, vocabulary) logits of the next token, sentences end to end.
        lengths: (n,) tokens of each sentence, at least 1.
    """
    rows = max(1, _AT_ONCE // tuned.shape[-1])
    places = range(0, len(tuned), rows)
    each = np.concatenate([kl(tuned[i : i + rows], base[i : i + rows]) for i in places])
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    means: Floats = np.add.reduceat(each, starts) / lengths
    return means
