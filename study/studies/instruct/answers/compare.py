"""Ranks against each other on the held-out pairs: levels, paired differences, what they decide.

A rank's loss is the mean over all held-out response tokens, L = sum of losses / sum of tokens, a
ratio whose uncertainty comes from the choice of pairs (and of seeds, where there are several). It
is taken as the mean over pairs of

    d[s, i] = L + (loss[s, i] - L tokens[i]) / mean tokens,

the ratio made linear (Cochran 1977, "Sampling Techniques", 6.3); a difference of two ranks is
paired by seed and pair. Intervals and tests are `study.statistics.crossed`'s. A margin of m per
cent of perplexity is log(1 + m / 100) nats.

All that is decided about ranks is read off one family of intervals: with alpha = 1 - confidence and
k pairs of ranks, each pair's joint interval is two-sided at 1 - alpha / k (Bonferroni), so that all
k hold together with a chance of at least 1 - alpha. What is shown is what follows from them, each
side of each limit by a one-sided test at alpha / 2 / k. So one error rate, alpha, covers every
question, margin and direction at once. Holm's procedure would keep it for each question apart, and
with verdicts in both directions it is not known to keep it in general.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.analyses.sufficiency.verdicts import BETTER, EQUIVALENT, UNTOLD, WORSE
from study.entry.errors import StudyError
from study.statistics.crossed import crossed, crossed_interval
from study.studies.instruct.training.records import BaseRecord, RankRecord

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


def joint(held: Held, rank: int, over: int, confidence: float) -> dict[str, float]:
    """Return the interval of a gain that holds together with those of all other pairs of ranks."""
    pairs = math.comb(len(held.ranks), 2)
    interval = crossed_interval(held.gain(rank, over), 1 - (1 - confidence) / pairs, counts=False)
    return {"joint_low": interval.low, "joint_high": interval.high}


def verdicts(
    held: Held, pairs: Sequence[tuple[int, int]], margin: float, alpha: float
) -> list[dict[str, Any]]:
    """Judge ranks against others at a margin, all pairs as one family; see the module.

    Args:
        pairs: (rank, other rank), all that are compared.
        margin: in per cent of perplexity.
        alpha: two-sided, of everything that is shown together; a p value of at most alpha / 2 does.

    Returns:
        of each pair whether the rank is equivalent, worse or better, or it cannot be told, and
        whether it is shown to be no better (`no_more`) and no worse (`no_less`) than the other by
        the margin, each with its one-sided p value times the number of pairs.
    """
    rows = []
    for rank, over in pairs:
        measured = crossed(held.gain(rank, over), counts=False)
        mean, width = float(measured.mean[0]), nats(margin)
        distances = {
            "no_more": width - mean,
            "no_less": mean + width,
            WORSE: -mean - width,
            BETTER: mean - width,
        }
        p = {what: min(1.0, len(pairs) * measured.p_value(d)) for what, d in distances.items()}
        p[EQUIVALENT] = max(p["no_more"], p["no_less"])
        shown = {what: value <= alpha / 2 for what, value in p.items()}
        verdict = next((what for what in (EQUIVALENT, WORSE, BETTER) if shown[what]), UNTOLD)
        rows.append(
            {"rank": rank, "over": over, "verdict": verdict}
            | {what: shown[what] for what in ("no_more", "no_less")}
            | {f"p_{what}": value for what, value in p.items()}
        )
    return rows
