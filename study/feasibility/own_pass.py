"""The model's own pass: transformers alone, with its own attention, its own head and its own mask.

This is what the study's passes are held against, and what users of an adapter will compute.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    PreTrainedModel,
)

from study.batches.collating import padded
from study.data.tokenising import Tokenizer
from study.feasibility import trial
from study.feasibility.inner_head import refuse_inner_head
from study.feasibility.trial import Outcome
from study.models import pretrained
from study.models.causal import PackedCausalLM, load_causal
from study.models.objective import PackedModel
from study.models.packed import PackedClassifier, load_pretrained
from study.models.padded import uncached
from study.models.run_linear import RunLinear
from study.records.prepared import Batching, Split
from study.sources.configs import token_id

CLASSES = 2
_LOGITS = 2**27  # numbers of 4 bytes


class Task(ABC):
    """What a model is for, and how it is loaded, plainly and for the study."""

    auto: ClassVar[Any]
    kind: ClassVar[str]
    words: ClassVar[dict[str, Any]] = {}
    pairs: bool = False
    ways: tuple[Batching, ...] = ("packed", "padded", "separate")

    def sentences(self, tokenizer: Tokenizer) -> Split:
        """Return what the model is tried on: as many sentences as may be tried together."""
        most = self.rows(tokenizer.vocabulary, tokenizer.max_length)
        return trial.sentences(tokenizer, most, pairs=self.pairs)

    def plain(self, name: str, longest: int, pad: int) -> PreTrainedModel:
        """Load a model as anybody does, in fp32, with a padding token, in evaluation mode.

        Raises:
            StudyError: there is none, or it has fewer positions than `longest`.
        """
        load = pretrained.load
        model = load(self.auto, self.kind, name, torch.float32, 0.0, None, pad, **self.words)
        pretrained.check_positions(model, name, longest)
        return model.requires_grad_(False).eval()

    @abstractmethod
    def load(
        self, name: str, longest: int, batching: Batching, pad: int, dropout: float = 0.0
    ) -> PreTrainedModel:
        """Load a model as the study does, in fp32."""

    @abstractmethod
    def studied(self, model: PreTrainedModel, runs: int) -> PackedModel:
        """Give a loaded model to runs, whose seeds are 0, 1, ...; others may have it afterwards."""

    def rows(self, vocabulary: int, longest: int) -> int:
        """Return how many sentences may be tried together."""
        del vocabulary, longest
        return trial.MOST

    def read(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Return what `outputs` reads, of a packed model's outputs (R, B, k)."""
        del labels
        return outputs

    @abstractmethod
    def outputs(self, logits: Tensor, ids: Tensor, split: Split) -> Tensor:
        """Return what the study reads of a model's logits on padded ids, (sentences, k)."""

    @abstractmethod
    def loss(self, outputs: Tensor) -> Tensor:
        """Return a number to take gradients of, from outputs (sentences, k)."""


class Classifying(Task):
    """Sequence classification with two classes.

    Args:
        pairs: of pairs of texts.
    """

    def __init__(self, *, pairs: bool = False) -> None:
        self.pairs = pairs

    auto = AutoModelForSequenceClassification
    kind = "a sequence classifier"
    words: ClassVar = {"num_labels": CLASSES}

    def plain(self, name: str, longest: int, pad: int) -> PreTrainedModel:
        """Load a classifier as anybody does.

        Raises:
            StudyError: as `Task.plain`, or its head is a part of its encoder.
        """
        refuse_inner_head(name)
        return super().plain(name, longest, pad)

    def load(
        self, name: str, longest: int, batching: Batching, pad: int, dropout: float = 0.0
    ) -> PreTrainedModel:
        """Load the classifier."""
        return load_pretrained(name, CLASSES, torch.float32, dropout, longest, batching, pad)

    def studied(self, model: PreTrainedModel, runs: int) -> PackedModel:
        """Put a head a run on the classifier."""
        packed = PackedClassifier(model, range(runs))
        for path, module in model.named_modules():
            if isinstance(module, RunLinear):
                for run in range(runs):
                    bias = None if module.bias is None else module.bias[run]
                    trial.set_head(module.weight[run], bias, path, run)
        return packed

    def outputs(self, logits: Tensor, ids: Tensor, split: Split) -> Tensor:
        """Return the logits."""
        return logits.float()

    def loss(self, outputs: Tensor) -> Tensor:
        """Return the cross-entropy of labels that alternate."""
        labels = torch.arange(len(outputs), device=outputs.device) % CLASSES
        return F.cross_entropy(outputs, labels)


class Continuing(Task):
    """Causal language modelling, of which the second halves of the sentences are read."""

    auto = AutoModelForCausalLM
    kind = "a causal language model"
    ways = ("shared", *Task.ways)

    def load(
        self, name: str, longest: int, batching: Batching, pad: int, dropout: float = 0.0
    ) -> PreTrainedModel:
        """Load the language model."""
        return load_causal(name, torch.float32, dropout, longest, batching, pad)

    def studied(self, model: PreTrainedModel, runs: int) -> PackedModel:
        """Let the language model read runs' pairs."""
        return PackedCausalLM(model, range(runs))

    def sentences(self, tokenizer: Tokenizer) -> Split:
        """Return them without token types, which no pair of instruct has, and beginning alike.

        Each has up to a third of the longest's tokens first, so that there is a tree to share.
        """
        made = super().sentences(tokenizer)
        rows = list(made.input_ids.split(made.lengths.tolist()))
        longest = max(rows, key=len)
        for row in rows:
            alike = max(1, len(row) // 3)
            row[:alike] = longest[:alike]
        return replace(made, input_ids=torch.cat(rows), token_types=None)

    def rows(self, vocabulary: int, longest: int) -> int:
        """Return few, as language models are large, and no more than half a gigabyte of logits."""
        return max(2, min(trial.FEW, _LOGITS // (vocabulary * longest)))

    def read(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Return each response's mean loss, of its sum and its right tokens."""
        return outputs[..., :1] / labels.unsqueeze(-1)

    def outputs(self, logits: Tensor, ids: Tensor, split: Split) -> Tensor:
        """Return each response's mean loss, (sentences, 1)."""
        found = []
        for row, row_ids, length, own in zip(logits, ids, split.lengths, split.labels, strict=True):
            asked = slice(max(1, int(length - own)), int(length))
            before = slice(asked.start - 1, asked.stop - 1)
            found.append(F.cross_entropy(row[before].float(), row_ids[asked]))
        return torch.stack(found).unsqueeze(1)

    def loss(self, outputs: Tensor) -> Tensor:
        """Return the mean over the sentences."""
        return outputs.mean()


@torch.no_grad()
def set_plain_head(model: PreTrainedModel, seed: int) -> None:
    """Give the head of a plain model the numbers of the run of one seed."""
    prefix = f"{model.base_model_prefix}."
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear) and not name.startswith(prefix):
            trial.set_head(module.weight, module.bias, name, seed)


def own(task: Task, model: PreTrainedModel, split: Split, seed: int) -> Outcome:
    """Return what an adapted plain model gives for a padded batch, with the numbers of one seed."""
    if isinstance(task, Classifying):
        set_plain_head(model, seed)
    trial.set_factors(model, {0: seed})
    factors = {n: p for n, p in model.named_parameters() if n.endswith(("lora_A", "lora_B"))}
    outputs = own_outputs(task, model, split)
    grads = torch.autograd.grad(task.loss(outputs), list(factors.values()), allow_unused=True)
    return Outcome(
        outputs.detach(),
        {n: torch.zeros_like(p[0]) if g is None else g[0] for (n, p), g in
         zip(factors.items(), grads, strict=True)},
    )  # fmt: skip


def own_outputs(task: Task, model: PreTrainedModel, split: Split) -> Tensor:
    """Return what a plain model gives for a padded batch, (sentences, k)."""
    inputs = padded(split, range(len(split)), token_id(model.config, "pad") or 0)
    return task.outputs(model(**inputs, **uncached(model)).logits, inputs["input_ids"], split)
