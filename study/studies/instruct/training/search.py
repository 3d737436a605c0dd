"""An arm's learning rate, picked on validation by the first seeds, and every seed's run at it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from study.arms import arm as arms
from study.arms import early_exit
from study.models.causal import PackedCausalLM
from study.records.early_exit import EarlyExit
from study.records.prepared import Prepared
from study.settings.train import TrainSettings
from study.studies.instruct.training.records import PairRun, TunedRecord, by_pair
from study.training import executors
from study.training.checkpoints import Checkpoints
from study.training.executors import Arm
from study.training.loop import RunResult

if TYPE_CHECKING:
    from study.studies.instruct.settings.whole import InstructSettings


@dataclass(frozen=True)
class Searched:
    """An arm's runs.

    Attributes:
        results: the first seeds' at every rate, then the others' at the picked one.
        learning_rate: that validation picked.
        seeds: that picked it; none where there was one rate only.
        rates: all that were tried.
        early_exit: which of them were dropped early, without results; None: none could be.
    """

    results: list[RunResult]
    learning_rate: float
    seeds: tuple[int, ...]
    rates: tuple[float, ...]
    early_exit: EarlyExit | None = None

    def of(self, seed: int) -> RunResult:
        """Return a seed's result at the picked rate."""
        return next(
            result
            for result in self.results
            if (result.run.learning_rate, result.run.seed) == (self.learning_rate, seed)
        )

    def record(
        self,
        train: TrainSettings,
        data: Prepared,
        trainable: int,
        total: int,
        epoch: int,
        written: Sequence[Sequence[int]] | None = None,
    ) -> TunedRecord:
        """Put the arm's runs into a record.

        Args:
            trainable, total: parameters; epoch: operations of one, of one run.
            written: what the first seed's model wrote to the held-out prompts, as ids.
        """
        epochs = train.epochs_of(len(data.train), 1)
        runs = tuple(_run(result, data) for result in self.results)
        return TunedRecord(
            rank=self.results[0].run.rank,
            learning_rates=self.rates,
            learning_rate=self.learning_rate,
            search_seeds=self.seeds,
            trainable_parameters=trainable,
            total_parameters=total,
            steps=train.steps_of(len(data.train)) * epochs,
            operations=epochs * epoch,
            runs=runs,
            written=None if written is None else tuple(map(tuple, written)),
            early_exit=self.early_exit,
        )


def searched(
    title: str,
    method: tuple[str, int | None],
    rates: Sequence[float],
    settings: InstructSettings,
    fit: int,
    arm: Arm,
    checkpoints: Checkpoints,
) -> Searched:
    """Train the first `search.seeds` seeds at every rate, and the others at the best one.

    The best rate has the lowest mean over those seeds of the best epoch's validation loss; of two
    that are equal it is the smaller.

    Args:
        title: of the arm, for the terminal.
        method: its name and rank.
        fit: how many runs train in one pass at the most.

    Raises:
        StudyError: the executor is not to be had, or a run's loss was not finite.
    """
    executor = executors.choose(settings)

    rung = early_exit.of_language(settings.train, arm.data)

    def trained(rates: Sequence[float], seeds: Sequence[int]) -> list[RunResult]:
        groups = arms.plan(*method, rates, seeds, fit)
        return arms.train_groups(title, groups, arm, checkpoints, executor, rung)

    if len(rates) == 1:
        return Searched(trained(rates, settings.seeds), rates[0], (), tuple(rates))
    count = settings.search.seeds
    first, others = settings.seeds[:count], settings.seeds[count:]
    tried = trained(rates, first)
    results = [result for result in tried if result.paused_at is None]

    def validation(rate: float) -> float:
        return fmean(_validation_loss(r) for r in results if r.run.learning_rate == rate)

    best = min(sorted({result.run.learning_rate for result in results}), key=validation)
    if others:
        results += trained([best], others)
    return Searched(results, best, first, tuple(rates), early_exit.told(tried, rung))


def decisive(settings: InstructSettings) -> tuple[object, ...]:
    """Return what every arm's results depend on beside data, seeds, rates and its own settings."""
    return settings.model.name, settings.model.dropout, settings.train.decisive()


def _validation_loss(result: RunResult) -> float:
    """Return a run's validation loss at the epoch that is kept."""
    return next(point.loss for point in result.validation if point.epoch == result.best_epoch)


def _run(result: RunResult, data: Prepared) -> PairRun:
    accuracy, loss = PackedCausalLM.objective.evaluate(result.test_logits, data.test.labels)
    return PairRun(
        seed=result.run.seed,
        learning_rate=result.run.learning_rate,
        best_epoch=result.best_epoch,
        validation_loss=_validation_loss(result),
        validation_pair_losses=by_pair(result.validation_logits),
        test_loss=loss,
        test_token_accuracy=accuracy,
        test_pair_losses=by_pair(result.test_logits),
        loss_steps=result.loss_steps,
        loss_values=result.loss_values,
        validation=result.validation,
    )
