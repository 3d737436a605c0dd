"""LoRA in one placement at one rank: its learning rate picked by the first seeds, all seeds run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING, Any

from study.arms import arm as arms
from study.arms import early_exit, lora
from study.arms.early_exit import Rung
from study.arms.lora import LoraArm
from study.entry.errors import StudyError
from study.metrics.measure import measure_of
from study.records.prepared import Prepared
from study.settings.lora import LoraSettings
from study.studies.placement.training.places import Absent, Place, main_place, place_of
from study.studies.placement.training.rates import rates_of
from study.training import executors
from study.training.checkpoints import Checkpoints
from study.training.loop import RunResult

if TYPE_CHECKING:
    from study.studies.placement.settings import PlacementStudy


@dataclass(frozen=True)
class TrainedCell:
    """A placement at a rank.

    Attributes:
        value: what its file holds; see `study.studies.placement.cells`.
        picked: the results at the learning rate that validation picked, in order of seed; none
            where nothing was trained.
        checkpoints: to be discarded once the results are written; None: there are none.
    """

    value: dict[str, Any]
    picked: list[RunResult]
    checkpoints: Checkpoints | None = None


@dataclass(frozen=True)
class PlacedSettings(LoraSettings):
    """Settings of LoRA in a placement, which are no section of the file."""


def train_cell(settings: PlacementStudy, data: Prepared, name: str, rank: int) -> TrainedCell:
    """Train a placement at a rank, or say why there is nothing to train.

    Raises:
        StudyError: the executor is not to be had, the adapter does not fit the model, or a run's
            loss was not finite.
    """
    main_config = lora.config_of(settings.lora, rank, settings.model.name)
    model = LoraArm(settings, data, main_config).model
    main_name, main = main_place(model, settings.lora)
    value = {"name": name, "rank": rank, "main": {"name": main_name} | main.to_json()}
    try:
        place = place_of(model, name, getattr(settings.placement, name).target_modules)
    except Absent as absent:
        return TrainedCell(value | {"reason": str(absent)}, [])
    value["place"] = place.to_json()
    if set(place.names) == set(main.names):
        reason = "the main study's LoRA is in these modules, and its runs stand for them"
        return TrainedCell(value | {"reason": reason}, [])
    return _trained(settings, data, name, rank, place, len(main.names), value)


def _trained(
    settings: PlacementStudy,
    data: Prepared,
    name: str,
    rank: int,
    place: Place,
    in_main: int,
    value: dict[str, Any],
) -> TrainedCell:
    config = lora.config_of(_placed(settings.lora, place), rank, settings.model.name)
    arm = LoraArm(settings, data, config)
    asked = getattr(settings.placement, name).learning_rates
    ratio = settings.lora.loraplus_ratio
    times = len(place.names) / in_main
    rates = rates_of(asked, config, arm.model.config, times, ratio)
    try:
        size = lora.size(arm.model, config)
    except StudyError as error:
        raise StudyError(f"placement/params.yaml:ranks: {rank}, {name}: {error}") from error
    decisive = (settings.model.name, settings.model.dropout, settings.train.decisive())
    title = f"{name}-r{rank}"
    checkpoints = Checkpoints(f"placement-{title}", (*decisive, config, ratio), data)
    rung = early_exit.of(settings.train, data)
    results, best = _searched(settings, data, arm, rates, title, checkpoints, rung)
    record = replace(arms.record(results, data, size, rung), learning_rate=best)
    picked = arms.picked(results, record)
    return TrainedCell(value | {"run": record.to_json()}, picked, checkpoints)


def _placed(main: LoraSettings, place: Place) -> PlacedSettings:
    """Return the main study's settings of LoRA in other modules.

    Ranks and learning rates are left out: what an adapter is does not depend on them.
    """
    return PlacedSettings(
        ranks=(),
        rank=1,
        alpha=main.alpha,
        scaling=main.scaling,
        dropout=main.dropout,
        target_modules=place.names,
        layers=None,
        use_dora=main.use_dora,
        init=main.init,
        loraplus_ratio=main.loraplus_ratio,
        learning_rates=(),
    )


def _searched(
    settings: PlacementStudy,
    data: Prepared,
    arm: LoraArm,
    rates: Sequence[float],
    title: str,
    checkpoints: Checkpoints,
    rung: Rung | None,
) -> tuple[list[RunResult], float]:
    """Run the first seeds at every rate, the others at the best one; return all, and that rate.

    The best has the best mean over those seeds of the best epoch's validation score, of the rates
    that were trained whole; of two that are equal it is the smaller.
    """
    executor = executors.choose(settings)
    rank = arm.config.rank
    fit = arms.runs_that_fit(arm.model.config, data, settings.train)

    def trained(rates: Sequence[float], seeds: Sequence[int]) -> list[RunResult]:
        groups = arms.plan("lora", rank, rates, seeds, fit)
        return arms.train_groups(title, groups, arm, checkpoints, executor, rung)

    if len(rates) == 1:
        return trained(rates, settings.seeds), rates[0]
    count = settings.placement.search_seeds
    first, others = settings.seeds[:count], settings.seeds[count:]
    results = trained(rates, first)
    measure = measure_of(data.task, data.metric)

    def validation(rate: float) -> float:
        runs = [result for result in results if result.run.learning_rate == rate]
        return measure.merit(fmean(_score(run) for run in runs))

    whole = {result.run.learning_rate for result in results if result.paused_at is None}
    best = max(sorted(whole), key=validation)
    return results + (trained([best], others) if others else []), best


def _score(result: RunResult) -> float:
    return next(p.score for p in result.validation if p.epoch == result.best_epoch)
