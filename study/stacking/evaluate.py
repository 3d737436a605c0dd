"""Every combination on the test sentences of both tasks, under the head of either and their mean.

A combination's hidden states are computed once a task; what a head makes of them is cheap.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from torch import Tensor
from transformers import PreTrainedModel

from lora.adapter import Adapter
from study.attached import attached
from study.capacity.evaluator import first
from study.environment import device
from study.errors import StudyError
from study.feeds import TokenFeed
from study.heads import set_head
from study.hidden import classified, outputs
from study.prepared import Prepared
from study.settings import TrainSettings
from study.stacking.combinations import ALONE, Combination

TASKS = ("first", "second")
MEAN = "mean"
HEADS = (*TASKS, MEAN)

Key = tuple[str, str, str]  # combination, task, head
Right = NDArray[np.bool_]  # (num_seeds, num_sentences)


def evaluate(
    model: PreTrainedModel,
    stacked: Mapping[Combination, Sequence[Adapter]],
    tasks: Sequence[Prepared],
    sentences: int,
    settings: TrainSettings,
    say: Callable[[str], None],
) -> dict[Key, Right]:
    """Return which seed gets which test sentence right, by combination, task and head.

    An adapter alone has no mean of heads.

    Args:
        stacked: a combination's adapters, one a seed, with the mean head; each adapter alone, with
            its own, stands first.
        tasks: of the first adapter and of the second.
        sentences: of each task's test split that are looked at.

    Raises:
        StudyError: an adapter does not fit the model.
    """
    own = [[adapter.head for adapter in stacked[c]] for c in stacked if c.kind == ALONE]
    found: dict[Key, Right] = {}
    for combination, adapters in stacked.items():
        heads = dict(zip(TASKS, own, strict=True))
        if combination.kind != ALONE:
            heads[MEAN] = [adapter.head for adapter in adapters]
        with attached(model, adapters, settings) as (classifier, parameters):
            for task, data in zip(TASKS, tasks, strict=True):
                test = first(data.test, sentences)
                feed = TokenFeed(replace(data, test=test), 1, device(settings))
                states = outputs(classifier, parameters, feed, "test").states
                for head, of_seeds in heads.items():
                    for run, tensors in enumerate(of_seeds):
                        set_head(classifier, parameters, run, tensors)
                    logits: Tensor = classified(classifier, parameters, states)
                    found[combination.name, task, head] = logits.argmax(-1).eq(test.labels).numpy()
        say(combination.name)
    return found


def save_right(found: Mapping[Key, Right], path: Path) -> None:
    """Write what was found, a byte an answer."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({"/".join(key): right.astype(np.uint8) for key, right in found.items()}, path)


def load_right(path: Path) -> dict[Key, Right]:
    """Read what `save_right` wrote.

    Raises:
        StudyError: it is not there, or is none.
    """
    try:
        tensors = load_file(path)
        found: dict[Key, Right] = {}
        for name, right in tensors.items():
            combination, task, head = name.split("/")
            found[combination, task, head] = right.astype(bool)
        return found
    except (OSError, SafetensorError, ValueError) as error:
        raise StudyError(
            f"{path}: not what the stage stacking_combine writes ({error!r}); run "
            "`dvc repro stacking/dvc.yaml`"
        ) from error
