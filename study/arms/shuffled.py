"""The control of full fine-tuning: the same training on labels that were shuffled.

The same sentences, heads, batches, rates and steps, and nothing to be learned from them. What the
updates of such runs have in common is no sign that fine-tuning found something in the task.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from study.batches import streams
from study.records.prepared import Prepared


def shuffle_labels(data: Prepared) -> Prepared:
    """Return the data with the training labels shuffled among the sentences, once for all seeds.

    Classes keep their shares. All seeds see the same labels, as they do in the task itself.
    """
    generator = streams.generator(0, "shuffled labels")
    order = torch.randperm(len(data.train), generator=generator)
    return replace(data, train=replace(data.train, labels=data.train.labels[order]))
