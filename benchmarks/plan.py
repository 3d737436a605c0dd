"""How many steps and rounds are measured."""

from __future__ import annotations

from dataclasses import dataclass

from study.entry.errors import StudyError

LORA_ROUNDS = 8
OTHER_ROUNDS = 3
# Batches of like length go from long to short over a megabatch, which is a quarter of an epoch in
# the default study (23 steps): a round of as many steps sees all lengths.
OTHER_STEPS = 23
WARMUP = 3
# Steps of a language model take seconds, and all its pairs are of about one length.
CAUSAL_WARMUP, CAUSAL_ROUNDS, CAUSAL_STEPS = 2, 3, 2


@dataclass(frozen=True)
class Plan:
    """What is measured; LoRA trains to its end, so that accuracy can be compared too.

    Attributes:
        warmup: steps of each child that are not timed.
        lora_steps, other_steps: a round, of LoRA and of full fine-tuning and the head alone.
        sentences: the most of each split, None for all.
        profiled: steps, half of them to warm up.
    """

    warmup: int
    lora_rounds: int
    lora_steps: int
    other_rounds: int
    other_steps: int
    sentences: int | None
    profiled: int
    quick: bool

    @property
    def sample(self) -> int:
        """Steps of a child that is not LoRA."""
        return self.warmup + self.other_rounds * self.other_steps


def make(steps_per_epoch: int, epochs: int, sentences: int | None, quick: bool) -> Plan:
    """Plan for a study of so many steps.

    Raises:
        StudyError: there are too few steps to measure.
    """
    warmup, lora_rounds, other_rounds, most = WARMUP, LORA_ROUNDS, OTHER_ROUNDS, OTHER_STEPS
    if quick:
        warmup, lora_rounds, other_rounds, most = 1, 2, 2, 2
    lora_steps = (steps_per_epoch * epochs - warmup) // lora_rounds
    other_steps = min(most, (steps_per_epoch - warmup) // other_rounds)
    if min(lora_steps, other_steps) < 1:
        raise StudyError(
            f"data.train_size: {steps_per_epoch} steps an epoch; the benchmark needs "
            f"{warmup + other_rounds} at least, and {warmup + lora_rounds} in all epochs"
        )
    profiled = min(16, steps_per_epoch)
    return Plan(
        warmup,
        lora_rounds,
        lora_steps,
        other_rounds,
        other_steps,
        sentences,
        profiled,
        quick,
    )
