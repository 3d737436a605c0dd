"""Early exit from a search of learning rates: the worse half is dropped after a share of the steps.

One rung of successive halving (Jamieson & Talwalkar 2016, arXiv 1502.07943; asynchronously Li et
al. 2020, arXiv 1810.05934; of LoRA's settings Zuo et al. 2026, ALTO, arXiv 2604.05426). All groups
are trained to the rung and paused; the mean over seeds on validation decides; what is left goes on
as if it had not been paused, to the bit (`study.training.pausing`). The schedule is that of all
steps, for all.

A group holds runs of one rate, here as without early exit, and is paused and kept before the next
one trains: so no more memory is taken, however many groups a rate has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from study.metrics.measure import measure_of
from study.records.early_exit import EarlyExit, Standing
from study.records.prepared import Prepared
from study.records.runs import Evaluation
from study.settings.train import TrainSettings
from study.training.loop import RunResult


@dataclass(frozen=True)
class Rung:
    """When, and by what, the learning rates of an arm are compared.

    Attributes:
        step: after which; steps: of a whole run.
        rates: how many there are at the least for some to be dropped.
        by: the name of what decides.
        merit: of a validation by it; the higher, the better.
    """

    step: int
    steps: int
    rates: int
    by: str
    merit: Callable[[Evaluation], float]


def of(settings: TrainSettings, data: Prepared) -> Rung | None:
    """Return where an arm's rates are compared, by the study's metric; None: nowhere."""
    measure = measure_of(data.task, data.metric)
    steps = _steps(settings, data, data.num_labels)
    return rung(settings, steps, measure.name, lambda point: measure.merit(point.score))


def of_language(settings: TrainSettings, data: Prepared) -> Rung | None:
    """Return where the rates of a language model are compared, by the loss; None: nowhere."""
    return rung(settings, _steps(settings, data, 1), "loss", lambda point: -point.loss)


def rung(
    settings: TrainSettings, steps: int, by: str, merit: Callable[[Evaluation], float]
) -> Rung | None:
    """Return where rates are compared in runs of so many steps; None: nowhere."""
    step = settings.exit_step(steps)
    return None if step is None else Rung(step, steps, settings.exit_rates, by, merit)


def _steps(settings: TrainSettings, data: Prepared, classes: int) -> int:
    sentences = len(data.train)
    return settings.epochs_of(sentences, classes) * settings.steps_of(sentences)


def dropped(merits: Mapping[float, float | None]) -> set[float]:
    """Return the rates of the worse half; of an odd number the better half is the larger one.

    A rate as good as the last that stays stays too. One that diverged goes in any case, unless all
    did: then none is dropped, and the search has failed.

    Args:
        merits: by rate, on the mean over seeds; None: a run diverged.
    """
    alive = sorted((merit for merit in merits.values() if merit is not None), reverse=True)
    if not alive:
        return set()
    kept = len(merits) - len(merits) // 2
    least = alive[min(kept, len(alive)) - 1]
    return {rate for rate, merit in merits.items() if merit is None or merit < least}


def merits(results: Sequence[RunResult], rung: Rung) -> dict[float, float | None]:
    """Return by rate the mean over its runs of what they stand by; None: one of them diverged."""
    every: dict[float, list[Evaluation | None]] = {}
    for result in results:
        every.setdefault(result.run.learning_rate, []).append(result.standing)
    found: dict[float, float | None] = {}
    for rate, points in every.items():
        there = [rung.merit(point) for point in points if point is not None]
        found[rate] = round(fmean(there), 12) if len(there) == len(points) else None
    return found


def ended(results: Sequence[RunResult], step: int) -> bool:
    """Whether a group's runs are all at their end by a step, through early stopping."""
    return all(
        result.diverged_at is not None or result.validation[-1].step <= step for result in results
    )


def standing(result: RunResult) -> RunResult:
    """Return a run that ended before the rung as it stands there: by its best epoch, no tensors."""
    points = (point for point in result.validation if point.epoch == result.best_epoch)
    return replace(result, state={}, standing=next(points, None))


def given_up(result: RunResult, rung: Rung) -> RunResult:
    """Return a run whose rate was dropped, without what going on would take."""
    return replace(result, state={}, paused_at=rung.step)


def told(results: Sequence[RunResult], rung: Rung | None) -> EarlyExit | None:
    """Return what the record says of the search; None where rates were not compared early."""
    if rung is None or not any(result.standing or result.paused_at for result in results):
        return None
    rows, left_out = [], 0
    for rate in sorted({result.run.learning_rate for result in results}):
        own = [result for result in results if result.run.learning_rate == rate]
        points = [result.standing for result in own if result.standing is not None]
        whole = len(points) == len(own)
        gone = own[0].paused_at is not None
        left_out += len(own) * gone
        rows.append(
            Standing(
                rate,
                fmean(point.score for point in points) if whole else None,
                fmean(point.loss for point in points) if whole else None,
                gone,
                tuple(result.run.seed for result in own if result.standing is None),
            )
        )
    saved = left_out * (rung.steps - rung.step) / (len(results) * rung.steps)
    return EarlyExit(rung.step, rung.steps, rung.by, saved, tuple(rows))
