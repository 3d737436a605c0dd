"""The model before training: what every rank starts from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from study.batches.feeds import TokenFeed
from study.models.causal import PackedCausalLM, load_causal_for
from study.records.prepared import Prepared
from study.studies.instruct.training.records import BaseRecord
from study.training.machine import compute_dtype, device

if TYPE_CHECKING:
    from study.studies.instruct.settings.whole import InstructSettings


@torch.no_grad()
def evaluate_base(settings: InstructSettings, data: Prepared) -> BaseRecord:
    """Return the losses of the untrained model on the held-out pairs.

    Raises:
        StudyError: the model cannot be loaded; see `study.models.causal.load_causal_for`.
    """
    used = device(settings.train)
    name, dtype = settings.model.name, compute_dtype(settings.train)
    loaded = load_causal_for(data, name, dtype, device=used)
    model = PackedCausalLM(loaded, [0]).to(used).eval()
    feed = TokenFeed(data, settings.train.batch_size, used)

    def outputs(split: str) -> torch.Tensor:
        found = torch.empty(len(feed.labels(split)), 2)
        for pairs, batch in feed.evaluation(split, runs=1):
            found[pairs] = model(batch)[0].cpu()
        return found

    test, labels = outputs("test"), data.test.labels
    accuracy, loss = model.objective.evaluate(test, labels)
    _, validation = model.objective.evaluate(outputs("validation"), data.validation.labels)
    return BaseRecord(
        test_loss=loss,
        test_token_accuracy=accuracy,
        test_pair_losses=tuple(round(x, 4) for x in test[:, 0].tolist()),
        test_response_tokens=tuple(labels.tolist()),
        validation_loss=validation,
    )
