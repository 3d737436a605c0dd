"""Whether training fits into memory, and which settings of `train` would make it fit.

The settings that spare memory are tried in the order of what they cost: fewer runs in one pass, a
step in pieces, layers computed again, and on a GPU frozen matrices in the CPU's memory. How much
each would spare is estimated by the study's own count of activations (`runs_that_fit`); the first
set that should do is then probed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from transformers import PretrainedConfig

from study.arms import arm as arms
from study.records.prepared import Prepared
from study.settings.train import TrainSettings
from study.settings.whole import Settings

PIECES = (2, 4, 8, 16, 32)
SPARE = 0.95  # of the memory that is there may be planned for
_MUCH = 2.0**40  # GiB, so that no rounding shows in what a run takes

Changes = Mapping[str, Any]
Probe = Callable[[Settings], int | None]
"""Returns the most memory that training takes with these settings, bytes; None: it did not fit."""


@dataclass(frozen=True)
class Fit:
    """What was found.

    Attributes:
        fits: with the settings as they are.
        changes: of `train`, by name, with which it fits; empty: none is needed, or none was found.
        peak_bytes: with them, as probed; None: without changes, or none was found.
    """

    fits: bool
    changes: Changes
    peak_bytes: int | None = None


def run_bytes(settings: Settings, data: Prepared, config: PretrainedConfig) -> float:
    """Return what one run keeps for its backward pass, as the study itself counts it."""
    much = replace(settings.train, memory_gib=_MUCH)
    return _MUCH * arms.GIB / arms.runs_that_fit(config, data, much)


def candidates(train: TrainSettings, gpu: bool) -> Iterator[Changes]:
    """Yield changes of the settings, from what costs least time to what spares most memory.

    How many runs share a step is told apart from them: `one_at_a_time`.
    """
    yield {}
    more = [n for n in PIECES if train.gradient_accumulation_steps < n <= train.batch_size]
    for pieces in more:
        yield {"gradient_accumulation_steps": pieces}
    changes: dict[str, Any] = {}
    if not train.activation_checkpointing:
        changes["activation_checkpointing"] = True
        yield dict(changes)
    if more:
        changes["gradient_accumulation_steps"] = more[-1]
    if len(changes) > 1:
        yield dict(changes)
    if gpu and not train.offload_frozen:
        yield changes | {"offload_frozen": True}


def one_at_a_time(
    settings: Settings, changes: Changes, data: Prepared, config: PretrainedConfig
) -> Changes:
    """Add the `memory_gib` with which these changes train one run at a time, if it is not so."""
    changed = replace(settings, train=replace(settings.train, **changes))
    enough = float(f"{1.2 * run_bytes(changed, data, config) / arms.GIB:.2g}")  # below 2 runs
    lower = settings.train.memory_gib > enough
    return dict(changes) | ({"memory_gib": enough} if lower else {})


def fit(
    settings: Settings,
    data: Prepared,
    config: PretrainedConfig,
    memory_bytes: int,
    peak_bytes: int | None,
    fixed_bytes: int,
    gpu: bool,
    probe: Probe,
    *,
    one_by_one: bool = False,
) -> Fit:
    """Find whether training fits, and if not, what would make it fit.

    Args:
        memory_bytes: that there is.
        peak_bytes: at the most, as probed with the settings as they are; None: that did not fit.
        fixed_bytes: of it, what no setting changes: weights, what is trained, the process itself.
        probe: tells of other settings.
        one_by_one: the peak is of full fine-tuning, whose runs share no step.
    """
    room = SPARE * memory_bytes
    if peak_bytes is not None and peak_bytes <= room:
        return Fit(True, {})
    now = _activations(settings, data, config, one_by_one)
    measured = None if peak_bytes is None else max(peak_bytes - fixed_bytes, 1)
    for spared in candidates(settings.train, gpu):
        changes = one_at_a_time(settings, spared, data, config)
        if not changes:
            continue
        changed = replace(settings, train=replace(settings.train, **changes))
        if measured is not None and "offload_frozen" not in changes:
            share = _activations(changed, data, config, one_by_one) / now
            if fixed_bytes + measured * share > room:
                continue
        found = probe(changed)
        if found is not None and found <= room:
            return Fit(False, changes, found)
    return Fit(False, {})


def _activations(
    settings: Settings, data: Prepared, config: PretrainedConfig, one_by_one: bool
) -> float:
    """Return what the runs of a group keep for the backward pass, bytes."""
    together = arms.runs_that_fit(config, data, settings.train)
    runs = 1 if one_by_one else min(together, len(settings.seeds))
    return run_bytes(settings, data, config) * runs
