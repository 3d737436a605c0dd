"""Every combination on the test sentences of both tasks, under the head of either and their mean.

A combination's hidden states are computed once a task; what a head makes of them is cheap.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from torch import Tensor
from transformers import PreTrainedModel

from lora.adapter import Adapter
from study.arms.saved_heads import set_head
from study.batches.feeds import TokenFeed
from study.evaluation.attached import attached
from study.evaluation.hidden_states import classified, outputs
from study.records.prepared import Prepared
from study.settings.train import TrainSettings
from study.studies.stacking.combining.combinations import ALONE, Combination
from study.studies.stacking.combining.right import MEAN, TASKS, Key, Right
from study.training.machine import device


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
                test = data.test.first(sentences)
                feed = TokenFeed(replace(data, test=test), 1, device(settings))
                states = outputs(classifier, parameters, feed, "test").states
                for head, of_seeds in heads.items():
                    for run, tensors in enumerate(of_seeds):
                        set_head(classifier, parameters, run, tensors)
                    logits: Tensor = classified(classifier, parameters, states)
                    found[combination.name, task, head] = logits.argmax(-1).eq(test.labels).numpy()
        say(combination.name)
    return found
