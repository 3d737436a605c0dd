"""Section `train`."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Annotated

from study.entry.kinds import (
    Count,
    CountAutoOrNull,
    CountOrAuto,
    Flag,
    InnerShareAutoOrNull,
    NotNegative,
    Positive,
    Share,
)
from study.entry.rules import one_of
from study.entry.sections import Section

# What `epochs: auto` gives every arm at least. By so many optimiser steps training had settled on
# the files that were tried: docs/training.md has them. Many classes take more: a step of 32
# sentences shows each of 77 classes less than once in two.
USUAL_STEPS, USUAL_EPOCHS, STEPS_A_CLASS = 180, 2, 9
# What `early_exit: auto` stands for, and from how many rates on: docs/training.md has what was
# measured. Of two rates it would leave one, which is no dropping of the hopeless but the choice.
EXIT_SHARE, EXIT_RATES = 0.5, 3


@dataclass(frozen=True)
class TrainSettings:
    """Optimisation, the same in every arm: AdamW with a linear warm-up.

    Attributes:
        epochs: of full and lora; auto: see `epochs_of`.
        warmup_share: share of the steps that warm up.
        schedule: of the learning rate after that: linear or cosine, which fall to 0 at the last
            step, or constant.
        max_grad_norm: gradients of a run are clipped to this norm.
        precision: of frozen weights and activations; what is trained is always fp32.
        early_stopping: a run ends after so many epochs without a better validation
            (`Objective.better`); None: never; auto: see `patience`, and of the head alone
            `of_the_head`.
        early_exit: where several learning rates are searched, the share of the steps after which
            the worse half of them is dropped (`study.arms.early_exit`); None: all are trained
            whole; auto: `EXIT_SHARE`, of `EXIT_RATES` or more. Runs that are left are the same in
            each case. Heads alone train in one pass, from which no rate can be taken, and are
            trained whole.
        memory_gib: GiB; decides how many runs train together.
        gradient_accumulation_steps: pieces in which a step's batch is computed, one after the
            other; the step is the same but for rounding. A step of the head alone has one.
        activation_checkpointing: keep a layer's input alone for the backward pass, which computes
            the layer anew; results are the same to the bit.
        offload_frozen: keep frozen matrices in the CPU's memory while a GPU trains.
        executor: where groups of runs train; no result depends on it.
    """

    batch_size: Count
    epochs: CountOrAuto
    warmup_share: Share
    schedule: Annotated[str, one_of("linear", "cosine", "constant")]
    weight_decay: NotNegative
    max_grad_norm: Positive
    precision: Annotated[str, one_of("bf16", "fp32")]
    device: Annotated[str, one_of("auto", "cpu", "cuda")]
    early_stopping: CountAutoOrNull
    early_exit: InnerShareAutoOrNull
    memory_gib: Positive
    gradient_accumulation_steps: Count
    activation_checkpointing: Flag
    offload_frozen: Flag
    executor: Annotated[str, one_of("local", "ray")]

    def epochs_of(self, sentences: int, classes: int) -> int:
        """Return the epochs for so many training sentences, the same in every arm.

        auto: as many as have `usual_steps` steps, and `USUAL_EPOCHS` at least.

        Args:
            classes: of their labels; 1 where there are none.
        """
        if self.epochs != "auto":
            return self.epochs
        return max(USUAL_EPOCHS, math.ceil(usual_steps(classes) / self.steps_of(sentences)))

    def steps_of(self, sentences: int) -> int:
        """Return the optimiser steps of an epoch."""
        return -(-sentences // self.batch_size)  # rounded up

    def patience(self, epochs: int) -> int | None:
        """Return after how many epochs without a better validation a run ends; None: never.

        auto: half of all its epochs, and two at least.
        """
        if self.early_stopping != "auto":
            return self.early_stopping
        return max(2, math.ceil(epochs / 2))

    def of_the_head(self) -> TrainSettings:
        """Return what the head alone trains by: with early stopping at auto, it never stops.

        Its epochs are many and cheap, and half of them without a better one say little: at rate 1
        two heads of the default study were ended half-way, best at epochs 1 and 2, where the third
        was best at its last, the hundredth. A number is kept, as in every arm.
        """
        return replace(self, early_stopping=None) if self.early_stopping == "auto" else self

    def exit_step(self, steps: int) -> int | None:
        """Return the step after which a search of rates drops some, of so many; None: no step."""
        if self.early_exit is None or steps < 2:
            return None
        share = EXIT_SHARE if self.early_exit == "auto" else self.early_exit
        return min(max(round(share * steps), 1), steps - 1)

    @property
    def exit_rates(self) -> int:
        """How many learning rates a search has at the least for some to be dropped."""
        return EXIT_RATES if self.early_exit == "auto" else 2

    def decisive(self) -> TrainSettings:
        """Return what a run's result depends on: the same for every executor, and for early exit.

        The latter decides which runs there are.
        """
        return replace(self, executor="local", early_exit=None)


def usual_steps(classes: int) -> int:
    """Return how many optimiser steps an arm should have to tell so many classes apart."""
    return max(USUAL_STEPS, STEPS_A_CLASS * classes)


TRAIN = Section("train", TrainSettings)
