"""How many optimiser steps training will take, beside what is usual, as a sentence."""

from __future__ import annotations

import math

from study.settings.train import usual_steps
from study.words.phrases import counted


def epochs_for(usual: int, steps_an_epoch: float) -> int:
    """Return the least number of epochs that have so many steps."""
    return math.ceil(usual / steps_an_epoch)


def steps_words(sentences: int, batch_size: int, epochs: int, classes: int) -> str:
    """Say how many steps there will be and, where they are few, how many epochs would do."""
    usual = usual_steps(classes)
    each = math.ceil(sentences / batch_size)
    steps = each * epochs
    told = f"{counted(epochs, 'epoch')} of {counted(each, 'step')} are {counted(steps, 'step')}"
    of = f" for {classes} classes" if usual > usual_steps(2) else ""
    if steps >= usual:
        return f"{told}; {usual} or more are usual{of}"
    return (
        f"{told}, and {usual} or more are usual{of}: in fewer LoRA may hardly train. To train "
        f"longer: dvc exp run -S train.epochs={epochs_for(usual, each)}"
    )
