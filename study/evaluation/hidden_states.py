"""What classifiers give for sentences: the hidden state that stands for each, and its logits."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call

from study.batches.feeds import Feed
from study.batches.packing import FeatureBatch, PackedBatch
from study.models.packed import PackedClassifier
from study.training.optimizer import FlatParameters


@dataclass(frozen=True, eq=False)
class Outputs:
    """Of R runs and n sentences, on the CPU.

    Attributes:
        states: (R, n, hidden), of the token that the head reads, in the dtype of computing.
        logits: (R, n, num_labels), fp32.
    """

    states: Tensor
    logits: Tensor


@torch.no_grad()
def outputs(
    classifier: PackedClassifier, parameters: FlatParameters, feed: Feed, split: str
) -> Outputs:
    """Return what every run gives for a split's sentences."""
    classifier.eval()
    both = _Both(classifier)
    views = {f"classifier.{name}": view for name, view in parameters.views().items()}
    runs, count = classifier.runs, len(feed.labels(split))
    found: Outputs | None = None
    for sentences, batch in feed.evaluation(split, runs):
        states, logits = functional_call(both, views, (batch,), tie_weights=False)
        states, logits = states.view(runs, len(sentences), -1).cpu(), logits.cpu()
        if found is None:
            shape = (runs, count)
            found = Outputs(
                states.new_empty(*shape, states.shape[-1]),
                logits.new_empty(*shape, logits.shape[-1]),
            )
        found.states[:, sentences], found.logits[:, sentences] = states, logits
    assert found is not None  # a split is never empty
    return found


@torch.no_grad()
def classified(classifier: PackedClassifier, parameters: FlatParameters, states: Tensor) -> Tensor:
    """Return the logits (R, n, num_labels), fp32 on the CPU, of states (R, n, hidden)."""
    classifier.eval()
    runs, count, hidden = states.shape
    rows = states.reshape(runs * count, 1, hidden).to(parameters.master.device)
    batch = FeatureBatch(rows, torch.zeros(runs, count, dtype=torch.int64, device=rows.device))
    views = parameters.views()
    logits: Tensor = functional_call(classifier, views, (batch,), tie_weights=False)
    return logits.cpu()


class _Both(nn.Module):
    def __init__(self, classifier: PackedClassifier) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, batch: PackedBatch) -> tuple[Tensor, Tensor]:
        states = self.classifier.features(batch)
        return states, self.classifier.classify(states)
