"""The forecast itself: what every stage takes, put together from the parts of this room."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from transformers import AutoConfig, PretrainedConfig

from forecast import disk, estimate, plan, untrained
from forecast.clock import NOTHING, Span
from forecast.estimate import Cost
from forecast.made import Made
from forecast.measured import Measured
from forecast.pipeline import Run
from forecast.plan import Training
from forecast.probes import Job, Probed, probe
from study.analyses.operations.flops import training_flops
from study.arms import lora
from study.entry.errors import StudyError
from study.records.arm_names import FULL, HEAD_ONLY, LORA
from study.settings.whole import Settings
from study.sources.configs import width
from study.sources.resolve import resolve_model


@dataclass(frozen=True)
class Forecast:
    """What is foreseen.

    Attributes:
        costs: by stage, in the order of dvc.yaml, whether it will run or not.
        runs: whether DVC will run each.
        block: what one further block of seeds would add; rank: one more rank, and which.
        full: what full fine-tuning takes of all this, its blocks and its control.
        found: what the probe found of each arm and rank that it tried.
        checkpoint_bytes: of the largest stage, while it trains.
    """

    costs: dict[str, Cost]
    runs: dict[str, Run]
    block: Span
    rank: tuple[int, Span]
    full: Span
    found: tuple[Measured, ...]
    checkpoint_bytes: int

    def total(self, *kinds: Run) -> Span:
        """Return the time of the stages that DVC will run, or may."""
        chosen = [c.seconds for name, c in self.costs.items() if self.runs[name] in kinds]
        return sum(chosen, NOTHING)

    def memory(self, *kinds: Run) -> int:
        """Return the most memory that any of these stages takes, bytes."""
        chosen = [c.memory_bytes for name, c in self.costs.items() if self.runs[name] in kinds]
        return max(chosen, default=0)

    def disk(self, *kinds: Run) -> int:
        """Return what they leave on the disk, bytes."""
        return sum(c.disk_bytes for n, c in self.costs.items() if self.runs[n] in kinds)


def config_of(settings: Settings) -> PretrainedConfig:
    """Return the model's configuration."""
    return AutoConfig.from_pretrained(resolve_model(settings.model.name))


def probe_arms(
    settings: Settings, trainings: Sequence[Training], folder: Path, kernels: bool = True
) -> tuple[Probed, Probed]:
    """Probe the arms: the heads and LoRA at its smallest and largest rank, and the whole model.

    Full fine-tuning has a process of its own, as it takes the most memory.

    Raises:
        StudyError: the settings do not fit the model.
    """
    first = {training.arm: training for training in trainings if training.saved}
    ranks = sorted({t.rank for t in trainings if t.rank is not None})
    groups = {arm: training.groups[0] for arm, training in first.items()}
    small: list[Job] = [(HEAD_ONLY, None, groups[HEAD_ONLY])]
    small += [(LORA, rank, groups[LORA]) for rank in dict.fromkeys((ranks[0], ranks[-1]))]
    two = (first[FULL].groups[0][0], first[FULL].groups[-1][0])
    return probe(folder, small), probe(folder, [(FULL, None, two)], kernels)


def forecast(
    settings: Settings,
    made: Made,
    config: PretrainedConfig,
    probed: tuple[Probed, Probed],
    runs: dict[str, Run],
) -> Forecast:
    """Put together what every stage takes.

    Raises:
        StudyError: an arm did not fit into memory, so that nothing is known of its time.
    """
    data = made.data
    start = probed[0].start
    found = [each for part in probed for each in part.measured if each is not None]
    if len(found) < sum(len(part.measured) for part in probed):
        raise StudyError("there is not enough memory for the probe to train a step of every arm")
    of_arm = {arm: [m for m in found if m.arm == arm] for arm in (HEAD_ONLY, LORA, FULL)}

    @functools.cache
    def operations(rank: int | None) -> float:
        assert rank is not None
        adapter = lora.config_of(settings.lora, rank, settings.model.name)
        return float(training_flops(config, data.num_labels, LORA, adapter).per_token)

    def cost(training: Training) -> Cost:
        measured = estimate.at_rank(of_arm[training.arm], training.rank, operations)
        seconds = estimate.seconds(training, measured, data, settings.train.batch_size)
        memory = estimate.memory(training, measured, data, width(config))
        left = disk.trained(training, measured, data)
        return Cost(seconds + around, seconds, memory, left, measured.gpu_bytes)

    machine = untrained.Machine(start, of_arm[FULL][0], of_arm[LORA][0], probed[1].kernels)
    busy = start.wall / start.alone
    around = Span(untrained.between(machine) * busy, untrained.between(machine))
    trained = plan.trainings(settings, data, config)
    costs = {training.stage: cost(training) for training in trained}
    others = untrained.seconds(settings, data, machine)
    for stage, took in (("check", made.check), ("prepare", made.prepare)):
        if took is not None:  # whoever forecast has just done what they do
            others[stage] = around.alone + took.alone
    base = of_arm[LORA][0].before_bytes
    for stage, alone in others.items():
        size = disk.prepared(data) if stage == "prepare" else 0
        own = of_arm[FULL][0].peak_bytes if stage in ("capacity", "spectra", "select") else base
        costs.setdefault(stage, Cost(Span(alone * busy, alone), NOTHING, own, size))
    if settings.lora.rank in settings.lora.ranks:  # copied from the sweep
        at = estimate.at_rank(of_arm[LORA], settings.lora.rank, operations)
        copied = disk.COPIES * disk.FP32 * at.trainable * len(settings.seeds)
        costs["headline"] = Cost(around, NOTHING, base, copied)
    costs["select"] = Cost(
        costs["select"].seconds, NOTHING, costs["select"].memory_bytes,
        disk.COPIES * disk.FP32 * of_arm[FULL][0].total,
    )  # fmt: skip
    new = max(settings.blocks, default=0) + 1
    block = [cost(each).seconds for each in plan.block_of(settings, data, config, new)]
    rank = min(2 * max(settings.lora.ranks), width(config))
    more = [cost(each).seconds for each in plan.rank_of(settings, data, config, rank)]
    of_full = [costs[each.stage].seconds for each in trained if each.arm == FULL]
    largest = max(
        disk.checkpoints(t, estimate.at_rank(of_arm[t.arm], t.rank, operations)) for t in trained
    )
    return Forecast(
        costs={name: costs[name] for name in runs if name in costs},
        runs=runs,
        block=sum(block, NOTHING),
        rank=(rank, sum(more, NOTHING)),
        full=sum(of_full, NOTHING),
        found=tuple(found),
        checkpoint_bytes=largest,
    )
