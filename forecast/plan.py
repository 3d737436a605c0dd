"""What each stage that trains will train: its runs in groups, its epochs, what it saves.

The groups are the study's own (`study.arms.arm.plan`, `runs_that_fit`), counted before a model is
loaded. Early stopping is not foreseen: every run is taken to train all its epochs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from transformers import PretrainedConfig

from study.arms import arm as arms
from study.arms import lora
from study.arms.rates import full_rates
from study.records.arm_names import FULL, HEAD_ONLY, LORA
from study.records.prepared import Prepared
from study.settings.seeds import seeds_of
from study.settings.whole import Settings


@dataclass(frozen=True)
class Training:
    """One stage that trains.

    Attributes:
        stage: as DVC names it.
        arm: head_only, full or lora.
        groups: the seeds of each group of runs that train together, in order.
        epochs: of each run.
        saved: models, or adapters, or heads, that the stage writes.
    """

    stage: str
    arm: str
    rank: int | None
    groups: tuple[tuple[int, ...], ...]
    epochs: int
    saved: int

    @property
    def runs(self) -> int:
        """Runs of all groups."""
        return sum(map(len, self.groups))


def trainings(settings: Settings, data: Prepared, config: PretrainedConfig) -> tuple[Training, ...]:
    """Return every stage of the main study that trains something, in the order of dvc.yaml.

    Raises:
        StudyError: `lora` settings that make no adapter.
    """
    return (
        *_first_block(settings, data, config),
        *(found for block in settings.blocks for found in block_of(settings, data, config, block)),
    )


def block_of(
    settings: Settings, data: Prepared, config: PretrainedConfig, block: int
) -> Iterator[Training]:
    """Yield what one further block of seeds trains, at one learning rate."""
    seeds = seeds_of(settings.seeds, block)
    for arm, rank in ((HEAD_ONLY, None), (FULL, None), *((LORA, r) for r in settings.lora.ranks)):
        stage = f"lora_block@{rank}-{block}" if rank else f"{arm}_block@{block}"
        yield _training(settings, data, config, stage, arm, rank, 1, seeds, saved=0)


def rank_of(
    settings: Settings, data: Prepared, config: PretrainedConfig, rank: int
) -> tuple[Training, ...]:
    """Return what one more rank trains: its own stage, and one in each further block."""
    one = replace(settings, lora=replace(settings.lora, ranks=(rank,), rank=rank))
    found = trainings(one, data, config)
    return tuple(each for each in found if each.arm == LORA)


def _first_block(
    settings: Settings, data: Prepared, config: PretrainedConfig
) -> Iterator[Training]:
    seeds, saved = settings.seeds, len(settings.seeds)
    rates = len(settings.head_only.learning_rates)
    yield _training(settings, data, config, HEAD_ONLY, HEAD_ONLY, None, rates, seeds, saved)
    rates = len(full_rates(settings.full.learning_rates, config))
    yield _training(settings, data, config, FULL, FULL, None, rates, seeds, saved)
    if settings.spectra.shuffled_labels and saved > 1:
        yield _training(settings, data, config, "shuffled_labels", FULL, None, 1, seeds, saved)
    ranks = [(f"lora@{rank}", rank) for rank in settings.lora.ranks]
    if settings.lora.rank not in settings.lora.ranks:
        ranks.append(("headline", settings.lora.rank))
    for stage, rank in ranks:
        adapter = lora.config_of(settings.lora, rank, settings.model.name)
        rates = len(lora.rates_of(settings.lora, adapter, config))
        yield _training(settings, data, config, stage, LORA, rank, rates, seeds, saved)


def _training(
    settings: Settings,
    data: Prepared,
    config: PretrainedConfig,
    stage: str,
    arm: str,
    rank: int | None,
    rates: int,
    seeds: Sequence[int],
    saved: int,
) -> Training:
    fit = arms.runs_that_fit(config, data, settings.train) if arm == LORA else 1
    planned = arms.plan(arm, rank, [float(rate) for rate in range(rates)], seeds, fit)
    groups = tuple(tuple(run.seed for run in group) for group in planned)
    epochs = settings.train.epochs_of(len(data.train), data.num_labels)
    if arm == HEAD_ONLY:  # all heads are one group
        groups, epochs = (tuple(s for group in groups for s in group),), settings.head_only.epochs
    return Training(stage, arm, rank, groups, epochs, saved)
