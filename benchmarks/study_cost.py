"""The wall time of the default study's list of runs, scaled up from what was measured.

The list is the settings': every arm, rank, learning rate and seed, every epoch with its validation,
one evaluation of the test sentences a run. The time to prepare data and draw figures is not in it.
A step at rank r is taken to cost what it costs at the rank that was measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.interleave import Measured
from benchmarks.settled import rates_of_full, rates_of_lora
from study.arms import arm as arms
from study.settings.whole import Settings


@dataclass(frozen=True)
class Stage:
    """One process of the study: `groups` holds how many runs train together, group by group."""

    arm: str
    groups: tuple[int, ...]
    epochs: int


@dataclass(frozen=True)
class Sizes:
    """How much one run reads."""

    steps_per_epoch: int
    validation: int  # sentences
    test: int  # sentences


def stages(settings: Settings, fit: int, sentences: int, classes: int) -> list[Stage]:
    """Return the processes that train in this study.

    Args:
        fit: runs of LoRA that may train together.
        sentences: to train on, of so many classes.
    """

    def groups(arm: str, rank: int | None, rates: Sequence[float], most: int) -> tuple[int, ...]:
        return tuple(len(g) for g in arms.plan(arm, rank, rates, settings.seeds, most))

    head, lora = settings.head_only, settings.lora
    heads = sum(groups("head_only", None, head.learning_rates, 1))
    epochs = settings.train.epochs_of(sentences, classes)
    of_full, of_lora = rates_of_full(settings), rates_of_lora(settings)
    found = [
        Stage("head_only", (heads,), head.epochs),
        Stage("full", groups("full", None, of_full, 1), epochs),
    ]
    for rank in sorted({*lora.ranks, lora.rank}):
        found.append(Stage("lora", groups("lora", rank, of_lora, fit), epochs))
    return found


def trainer_seconds(
    stage: Stage, measured: Mapping[str, Measured], sizes: Sizes, round_: int
) -> float:
    """Return what Trainer needs for a stage: its runs one by one, in one process.

    Args:
        measured: by arm.
        round_: whose step times are taken.
    """
    took = measured[stage.arm]
    assert took.validation is not None
    step = took.rounds[round_ % len(took.rounds)]
    test = took.validation * sizes.test / sizes.validation
    epoch = sizes.steps_per_epoch * step + took.validation
    return took.start + sum(stage.groups) * (stage.epochs * epoch + test)


def our_seconds(
    stage: Stage, alone: Mapping[str, Measured], together: Measured, sizes: Sizes, round_: int
) -> float:
    """Return what this project needs for a stage.

    Args:
        alone: by arm, one run at a time; of "head_only" the rounds are whole processes.
        together: LoRA with several runs at once. Groups of other sizes lie on the line through one
            run and these.
    """
    took = alone[stage.arm]
    step = took.rounds[round_ % len(took.rounds)]
    if stage.arm == "head_only":
        return step
    at_once = together.rounds[round_ % len(together.rounds)]
    total = took.start
    for size in stage.groups:
        share = 0.0 if together.runs == 1 else (size - 1) / (together.runs - 1)

        def between(one: float, many: float, share: float = share) -> float:
            return one + share * (many - one)

        assert took.validation is not None
        assert took.test is not None
        if size == 1:
            steps, validation, test = step, took.validation, took.test
        else:
            assert together.validation is not None
            assert together.test is not None
            steps = between(step, at_once)
            validation = between(took.validation, together.validation)
            test = between(took.test, together.test)
        total += stage.epochs * (sizes.steps_per_epoch * steps + validation) + test
    return total
