"""Ranks against each other on the held-out pairs: levels, paired differences, what they decide.

A rank's loss is the mean over all held-out response tokens, L = sum of losses / sum of tokens, a
ratio whose uncertainty comes from the choice of pairs (and of seeds, where there are several). It
is taken as the mean over pairs of

    d[s, i] = L + (loss[s, i] - L tokens[i]) / mean tokens,

the ratio made linear (Cochran 1977, "Sampling Techniques", 6.3); a difference of two ranks is
paired by seed and pair. Intervals and tests are `study.crossed`'s. A margin of m per cent of
perplexity is log(1 + m / 100) nats.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.crossed import crossed, crossed_interval
from study.errors import StudyError
from study.instruct.records import BaseRecord, RankRecord
from study.sufficiency.equivalence import holm, judge

Floats = NDArray[np.float64]


class Held:
    """What every rank scored on the same held-out pairs.

    Attributes:
        ranks: ascending.
        tokens: (num_pairs,) of each response.
        losses: (num_seeds, num_pairs) by rank, summed over a response's tokens.
        base: (1, num_pairs), before training.
    """

    def __init__(self, base: BaseRecord, records: Mapping[int, RankRecord]) -> None:
        self.ranks = sorted(records)
        self.tokens: Floats = np.array(base.test_response_tokens, dtype=float)
        self.base: Floats = np.array([base.test_pair_losses])
        self.losses: dict[int, Floats] = {}
        for rank in self.ranks:
            losses = np.array([run.test_pair_losses for run in records[rank].picked()])
            if losses.ndim != 2 or losses.shape[1] != len(self.tokens):
                raise StudyError(
                    f"ranks/rank_{rank}/run_data.json: held-out pairs other than base.json's; "
                    "run `dvc repro instruct/dvc.yaml`"
                )
            self.losses[rank] = losses

    def level(self, losses: Floats) -> Floats:
        """Return d of a mean loss per token, (num_seeds, num_pairs), in nats."""
        mean = losses.mean(axis=0).sum() / self.tokens.sum()
        linear: Floats = mean + (losses - mean * self.tokens) / self.tokens.mean()
        return linear

    def gain(self, rank: int, over: int | None) -> Floats:
        """Return d of how much lower a rank's loss is than another's, or the base's (None)."""
        other = self.base if over is None else self.losses[over]
        return self.level(other - self.losses[rank])


def nats(margin: float) -> float:
    """Return a margin in per cent of perplexity as a difference of losses."""
    return math.log1p(margin / 100)


def difference(held: Held, rank: int, over: int | None, confidence: float) -> dict[str, Any]:
    """Return how much lower a rank's loss is than another's, with its interval, in nats."""
    d = held.gain(rank, over)
    interval = crossed_interval(d, confidence, counts=False)
    return {"gain": float(d.mean()), "low": interval.low, "high": interval.high}


def levels(held: Held, confidence: float) -> dict[int | None, dict[str, float]]:
    """Return loss and perplexity with intervals, by rank; None is the base before training."""
    found = {}
    for rank in (None, *held.ranks):
        losses = held.base if rank is None else held.losses[rank]
        d = held.level(losses)
        interval = crossed_interval(d, confidence, counts=False, least=0.0)
        loss = float(d.mean())
        found[rank] = {
            "test_loss": loss,
            "low": interval.low,
            "high": interval.high,
            "test_perplexity": _perplexity(loss),
            "perplexity_low": _perplexity(interval.low),
            "perplexity_high": _perplexity(interval.high),
        }
    return found


def _perplexity(loss: float) -> float:
    return math.exp(min(loss, 700.0))  # finite, since JSON has no infinity


def verdicts(
    held: Held, pairs: Sequence[tuple[int, int]], margin: float, alpha: float
) -> list[dict[str, Any]]:
    """Judge ranks against others at a margin, all of these pairs together (Holm).

    Args:
        pairs: (rank, other rank).
        margin: in per cent of perplexity.

    Returns:
        of each pair whether the rank is equivalent, worse or better, or it cannot be told, and
        whether it is shown to be no better (`no_more`) and no worse (`no_less`) than the other by
        the margin, each with the adjusted p value.
    """
    if not pairs:
        return []
    measured = [crossed(held.gain(rank, over), counts=False) for rank, over in pairs]
    width = nats(margin)
    means = [float(one.mean[0]) for one in measured]
    no_more = holm(measured, [width - mean for mean in means])
    no_less = holm(measured, [mean + width for mean in means])
    rows = []
    for (rank, over), judged, more, less in zip(
        pairs, judge(measured, width, alpha), no_more, no_less, strict=True
    ):
        one_sided = {"p_no_more": more, "p_no_less": less}
        shown = {"no_more": more <= alpha, "no_less": less <= alpha}
        rows.append({"rank": rank, "over": over} | vars(judged) | shown | one_sided)
    return rows
