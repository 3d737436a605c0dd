"""The control of full fine-tuning: the same training on labels that were shuffled.

The same sentences, heads, batches, rate and steps, and nothing to be learned from them. What the
updates of such runs have in common is no sign that fine-tuning found something in the task. Each
seed's run is kept at the epoch of its run on the task, so that both have trained for as long:
validation knows of no better epoch where labels mean nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from study.batches import streams
from study.entry.errors import StudyError
from study.records.prepared import Prepared
from study.records.runs import ArmRecord


def shuffle_labels(data: Prepared) -> Prepared:
    """Return the data with the training labels shuffled among the sentences, once for all seeds.

    Classes keep their shares. All seeds see the same labels, as they do in the task itself.
    """
    generator = streams.generator(0, "shuffled labels")
    order = torch.randperm(len(data.train), generator=generator)
    return replace(data, train=replace(data.train, labels=data.train.labels[order]))


def kept_epochs(task: ArmRecord, seeds: Sequence[int], epochs: int) -> dict[int, int]:
    """Return, by seed, the epoch at which the run on the task was kept, at the picked rate.

    Args:
        task: full fine-tuning's runs.
        epochs: that a run trains for.

    Raises:
        StudyError: the record is of other seeds or epochs.
    """
    found = {run.seed: run.best_epoch for run in task.picked()}
    if not set(seeds) <= found.keys() or max(found.values()) > epochs:
        raise StudyError(
            f"full fine-tuning's runs are of seeds {sorted(found)}, kept at epochs "
            f"{[found[seed] for seed in sorted(found)]}; the settings ask for seeds "
            f"{sorted(seeds)} and {epochs} epochs; run `dvc repro full`"
        )
    return {seed: found[seed] for seed in seeds}
