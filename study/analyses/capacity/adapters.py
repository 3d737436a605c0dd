"""What adapters on a frozen base give for the test sentences."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from transformers import PreTrainedModel

from lora.adapter import Adapter
from study.batches.feeds import TokenFeed
from study.evaluation.attached import attached
from study.records.prepared import Prepared
from study.settings.train import TrainSettings
from study.training.loop import predict
from study.training.machine import device


def adapter_logits(
    model: PreTrainedModel, adapters: Sequence[Adapter], data: Prepared, settings: TrainSettings
) -> Tensor:
    """Return the logits of every test sentence, (len(adapters), n, num_labels); see `attached`.

    Raises:
        StudyError: they do not fit the model.
    """
    feed = TokenFeed(data, 1, device(settings))  # nothing is trained
    with attached(model, adapters, settings) as (classifier, parameters):
        return predict(classifier, parameters, feed, "test")
