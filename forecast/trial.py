"""One arm of the study, on a part of its data: made, trained under a clock, saved.

Nothing but what the stages call is called: `train_groups` trains and keeps checkpoints, in a folder
that goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import repeat
from pathlib import Path

from forecast.clock import Clock
from lora import peft_format
from study.arms import arm as arms
from study.arms import full, head_only, lora
from study.arms.full import FullArm
from study.arms.head_only import HeadOnlyArm
from study.arms.lora import LoraArm
from study.arms.rank import adapters_of
from study.arms.saved_heads import save_heads
from study.records.arm_names import FULL, HEAD_ONLY
from study.records.prepared import Prepared
from study.settings.whole import Settings
from study.training.checkpoints import Checkpoints
from study.training.loop import WHOLE, Part, Run, RunResult, TrainGroup
from study.training.progress import Progress

Arm = HeadOnlyArm | FullArm | LoraArm


def arm_of(settings: Settings, data: Prepared, arm: str, rank: int | None) -> Arm:
    if arm == HEAD_ONLY:
        return HeadOnlyArm(settings, data)
    if arm == FULL:
        return FullArm(settings, data)
    assert rank is not None
    return LoraArm(settings, data, lora.config_of(settings.lora, rank, settings.model.name))


def size_of(arm: Arm) -> arms.Size:
    if isinstance(arm, LoraArm):
        return lora.size(arm.model, arm.config)
    if isinstance(arm, FullArm):
        return full.size(arm.model)
    return head_only.size(arm.model)


def sharing(arm: Arm, data: Prepared) -> Arm:
    """Return the arm on other data, with the model that it has loaded, and trimmed for all data."""
    other = replace(arm, data=data)
    other.__dict__["model"] = arm.__dict__["model"]
    if isinstance(arm, FullArm):
        other.__dict__["trimmed"] = data
    return other


class _Timed:
    """Trains here, as `study.training.executors.LocalExecutor` does, under a clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def train(
        self,
        train_group: TrainGroup,
        groups: Sequence[Sequence[Run]],
        progress: Progress,
        parts: Iterable[Part] = repeat(WHOLE),
    ) -> Iterator[tuple[int, list[RunResult]]]:
        for i, (group, part) in enumerate(zip(groups, parts, strict=False)):
            yield i, train_group(group, self._clock, part)


def train(arm: Arm, runs: Sequence[Run], folder: Path, clock: Clock) -> list[RunResult]:
    checkpoints = Checkpoints(str(folder), "probe", arm.data)
    return arms.train_groups("probe", [runs], arm, checkpoints, _Timed(clock))


def save(arm: Arm, results: Sequence[RunResult], folder: Path) -> None:
    if isinstance(arm, FullArm):
        full.save_tuned(arm, results, folder)
    elif isinstance(arm, LoraArm):
        for seed, adapter in adapters_of(arm, results).items():
            peft_format.save(adapter, folder / f"s{seed}")
    else:
        save_heads(results, folder)
