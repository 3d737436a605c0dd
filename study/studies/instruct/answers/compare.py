"""Arms against each other on the held-out pairs: levels, paired differences, what they decide.

An arm's loss is the mean over all held-out response tokens, L = sum of losses / sum of tokens, a
ratio whose uncertainty comes from the choice of pairs (and of seeds, where there are several). It
is taken as the mean over pairs of

    d[s, i] = L + (loss[s, i] - L tokens[i]) / mean tokens,

the ratio made linear (Cochran 1977, "Sampling Techniques", 6.3); a difference of two arms is
paired by seed and pair. Intervals and tests are `study.statistics.crossed`'s. A margin of m per
cent of perplexity is log(1 + m / 100) nats.

All that is decided is read off one family of intervals: of every rank against every smaller one,
and against full fine-tuning. With alpha = 1 - confidence and k such comparisons, each one's joint
interval is two-sided at 1 - alpha / k (Bonferroni), so that all k hold together with a chance of at
least 1 - alpha. What is shown is what follows from them, each side of each limit by a one-sided
test at alpha / 2 / k. So one error rate, alpha, covers every question, margin and direction at
once. Holm's procedure would keep it for each question apart, and with verdicts in both directions
it is not known to keep it in general.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from study.analyses.sufficiency.verdicts import BETTER, EQUIVALENT, UNTOLD, WORSE
from study.entry.errors import StudyError
from study.records.arm_names import FULL
from study.statistics.crossed import crossed, crossed_interval
from study.studies.instruct.training.records import BaseRecord, TunedRecord

Floats = NDArray[np.float64]


Arm: TypeAlias = int | str
"""A rank of LoRA, `FULL`, or `BEFORE`: the model before training."""
BEFORE = "before"


class Held:
    """What every arm scored on the same pairs.

    Attributes:
        tokens: (num_pairs,) of each response.
        losses: (num_seeds, num_pairs) by arm, summed over a response's tokens.
        ranks: of them, ascending.
        pairs: (rank, arm), all that are compared: every rank with every smaller one, then with full
            fine-tuning where it is there.
    """

    def __init__(self, tokens: Sequence[int], losses: Mapping[Arm, Floats]) -> None:
        self.tokens: Floats = np.array(tokens, dtype=float)
        self.losses = dict(losses)
        self.ranks = sorted(arm for arm in losses if isinstance(arm, int))
        self.pairs: list[tuple[int, Arm]] = [(b, a) for a, b in combinations(self.ranks, 2)]
        if FULL in losses:
            self.pairs += [(rank, FULL) for rank in self.ranks]

    @classmethod
    def out(cls, base: BaseRecord, arms: Mapping[Arm, TunedRecord]) -> Held:
        """Take the held-out pairs, and the base's losses along.

        Raises:
            StudyError: an arm was tested on other pairs.
        """
        losses = {arm: _picked(record, "test_pair_losses") for arm, record in arms.items()}
        _require_pairs(losses, base.test_response_tokens, "held-out")
        losses[BEFORE] = np.array([base.test_pair_losses])
        return cls(base.test_response_tokens, losses)

    @classmethod
    def validation(cls, base: BaseRecord, arms: Mapping[Arm, TunedRecord]) -> Held:
        """Take the validation pairs.

        Raises:
            StudyError: an arm was validated on other pairs.
        """
        losses = {arm: _picked(record, "validation_pair_losses") for arm, record in arms.items()}
        _require_pairs(losses, base.validation_response_tokens, "validation")
        return cls(base.validation_response_tokens, losses)

    def level(self, losses: Floats) -> Floats:
        """Return d of a mean loss per token, (num_seeds, num_pairs), in nats."""
        mean = losses.mean(axis=0).sum() / self.tokens.sum()
        linear: Floats = mean + (losses - mean * self.tokens) / self.tokens.mean()
        return linear

    def gain(self, arm: Arm, over: Arm) -> Floats:
        """Return d of how much lower an arm's loss is than another's."""
        return self.level(self.losses[over] - self.losses[arm])


def _picked(record: TunedRecord, name: str) -> Floats:
    return np.array([getattr(run, name) for run in record.picked()])


def _require_pairs(losses: Mapping[Arm, Floats], tokens: Sequence[int], which: str) -> None:
    for arm, found in losses.items():
        if found.ndim != 2 or found.shape[1] != len(tokens):
            file = "full.json" if arm == FULL else f"ranks/rank_{arm}/run_data.json"
            raise StudyError(
                f"{file}: {which} pairs other than base.json's; run `dvc repro instruct/dvc.yaml`"
            )


def nats(margin: float) -> float:
    """Return a margin in per cent of perplexity as a difference of losses."""
    return math.log1p(margin / 100)


def difference(held: Held, arm: Arm, over: Arm, confidence: float) -> dict[str, Any]:
    """Return how much lower an arm's loss is than another's, with its interval, in nats."""
    d = held.gain(arm, over)
    interval = crossed_interval(d, confidence, counts=False)
    return {"gain": float(d.mean()), "low": interval.low, "high": interval.high}


def levels(held: Held, confidence: float) -> dict[Arm, dict[str, float]]:
    """Return loss and perplexity with intervals, by arm."""
    found = {}
    for arm, losses in held.losses.items():
        d = held.level(losses)
        interval = crossed_interval(d, confidence, counts=False, least=0.0)
        loss = float(d.mean())
        found[arm] = {
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


def joint(held: Held, rank: int, over: Arm, confidence: float) -> dict[str, float]:
    """Return the interval of a gain that holds together with those of all other comparisons."""
    level = 1 - (1 - confidence) / len(held.pairs)
    interval = crossed_interval(held.gain(rank, over), level, counts=False)
    return {"joint_low": interval.low, "joint_high": interval.high}


def verdicts(held: Held, margin: float, alpha: float) -> list[dict[str, Any]]:
    """Judge every comparison at a margin, all as one family; see the module.

    Args:
        margin: in per cent of perplexity.
        alpha: two-sided, of everything that is shown together; a p value of at most alpha / 2 does.

    Returns:
        of each whether the rank is equivalent, worse or better, or it cannot be told, and whether
        it is shown to be no better (`no_more`) and no worse (`no_less`) than the other by the
        margin, each with its one-sided p value times the number of comparisons.
    """
    rows = []
    for rank, over in held.pairs:
        measured = crossed(held.gain(rank, over), counts=False)
        mean, width = float(measured.mean[0]), nats(margin)
        distances = {
            "no_more": width - mean,
            "no_less": mean + width,
            WORSE: -mean - width,
            BETTER: mean - width,
        }
        p = {what: min(1.0, len(held.pairs) * measured.p_value(d)) for what, d in distances.items()}
        p[EQUIVALENT] = max(p["no_more"], p["no_less"])
        shown = {what: value <= alpha / 2 for what, value in p.items()}
        verdict = next((what for what in (EQUIVALENT, WORSE, BETTER) if shown[what]), UNTOLD)
        rows.append(
            {"rank": rank, "over": over, "verdict": verdict}
            | {what: shown[what] for what in ("no_more", "no_less")}
            | {f"p_{what}": value for what, value in p.items()}
        )
    return rows
