"""The model before training: what every arm starts from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from study.batches.feeds import TokenFeed
from study.models.causal import PackedCausalLM, load_causal_for
from study.records.prepared import Prepared
from study.studies.instruct.training.records import BaseRecord, by_pair
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
    of_validation = data.validation.labels
    _, validation = model.objective.evaluate(outputs("validation"), of_validation)
    return BaseRecord(
        test_loss=loss,
        test_token_accuracy=accuracy,
        test_pair_losses=by_pair(test),
        test_response_tokens=tuple(labels.tolist()),
        validation_loss=validation,
        validation_response_tokens=tuple(of_validation.tolist()),
    )
