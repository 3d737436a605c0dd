"""A pretrained transformer as a classifier of packed sentences, with a run axis in its head.

Hugging Face's own modules do the work: the encoder sees one row of tokens a run, the head sees the
one hidden state that stands for each sentence. Only the head's linear layers are replaced, by
`RunLinear`, which holds one weight a run.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from study.batches import streams
from study.batches.packing import Batch, FeatureBatch, PackedBatch
from study.models import pretrained
from study.models.attention import Packing
from study.models.dropout import replace_dropout, use_generators
from study.models.fused_layer import fuse, picks_readout
from study.models.objective import Classification, PackedModel


class RunLinear(nn.Module):
    """One fp32 linear layer a run: (R * n, in) or (R * n, 1, in), run-major, to the same with out.

    Attributes:
        weight: (R, out, in).
        bias: (R, out), or None.
    """

    def __init__(self, runs: int, in_features: int, out_features: int, bias: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(runs, out_features, in_features))
        self.bias = nn.Parameter(torch.zeros(runs, out_features)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        runs, out_features, in_features = self.weight.shape
        by_run = x.reshape(runs, -1, in_features).to(self.weight.dtype)
        y = torch.bmm(by_run, self.weight.transpose(1, 2))
        if self.bias is not None:
            y = y + self.bias.unsqueeze(1)
        return y.view(*x.shape[:-1], out_features)


class PackedClassifier(PackedModel):
    """A sequence classifier of transformers that reads packed batches.

    Args:
        model: with attention "packed"; its head's linear layers become `RunLinear`.
        seeds: of the runs, one row of a packed batch each; a seed fixes its run's initial head,
            whatever else trains beside it.
    """

    objective = Classification()

    def __init__(self, model: PreTrainedModel, seeds: Sequence[int]) -> None:
        super().__init__()
        self.model = model
        self.runs = len(seeds)
        prefix = model.base_model_prefix + "."
        self._place_of_head = _head_reader(model)
        self._encoder_picks = self._place_of_head == "first" and picks_readout(model)
        heads = {
            name: module
            for name, module in model.named_modules()
            if isinstance(module, nn.Linear | RunLinear) and not name.startswith(prefix)
        }
        self.head_names = tuple(f"model.{n}.{p}" for n, m in heads.items() for p in _names(m))
        deviation = float(getattr(model.config, "initializer_range", 0.02))
        generators = [streams.generator(seed, "head") for seed in seeds]
        for name, old in heads.items():
            model.set_submodule(name, _seeded_head(old, deviation, generators))

    def forward(self, batch: Batch, generators: Sequence[torch.Generator] = ()) -> Tensor:
        """Return the logits (R, B, num_labels) of every run's sentences, fp32.

        Args:
            generators: of dropout, one per run; needed in training mode only.
        """
        if isinstance(batch, FeatureBatch):
            use_generators(self, generators)
            return self.classify(batch.features)
        use_generators(self, generators, batch.row_tokens, batch.share)
        return self.classify(self.features(batch, generators))

    def features(self, batch: PackedBatch, generators: Sequence[torch.Generator] = ()) -> Tensor:
        """Return the hidden state that stands for each sentence, (R * B, 1, hidden)."""
        first = self._place_of_head == "first"
        places = (batch.first if first else batch.last).flatten()
        hidden: Tensor = self.model.base_model(
            input_ids=batch.input_ids,
            position_ids=self._positions(batch.position_ids),
            packing=Packing(batch.layout, generators, places if self._encoder_picks else None),
            **({} if first else {"use_cache": False}),
        ).last_hidden_state
        rows = hidden.reshape(-1, hidden.shape[-1])
        if not self._encoder_picks:
            rows = rows.index_select(0, places)
        return rows.unsqueeze(1)

    def classify(self, features: Tensor) -> Tensor:
        """Return the logits (R, B, num_labels) of features (R * B, 1, hidden)."""
        model: Any = self.model
        logits: Tensor
        if self._place_of_head == "last":  # GPT-2, Llama: a linear score of the last token
            logits = model.score(features[:, 0])
        elif hasattr(model, "pre_classifier"):  # DistilBERT
            logits = model.classifier(
                model.dropout(torch.relu(model.pre_classifier(features[:, 0])))
            )
        elif isinstance(model.classifier, RunLinear):  # BERT: the frozen or tuned pooler first
            logits = model.classifier(model.dropout(model.base_model.pooler(features)))
        else:  # RoBERTa: a head that reads the first token itself
            logits = model.classifier(features)
        return logits.view(self.runs, -1, logits.shape[-1]).float()

    def _positions(self, positions: Tensor) -> Tensor:
        offset = pretrained.first_position(self.model)
        return positions + offset if offset else positions


def load_pretrained(
    name: str, num_labels: int, dtype: torch.dtype, dropout: float, max_length: int
) -> PreTrainedModel:
    """Load `model.name` with packed attention and our dropout, frozen, in evaluation mode.

    Args:
        name: as in the settings; see `study.sources.resolve.resolve_model`.
        dtype: of every weight.
        dropout: of hidden states and attention while training.
        max_length: the most tokens of a sentence.

    Raises:
        StudyError: there is no such model, it is of a family whose head this study cannot read,
            or it has fewer positions than `max_length`.
    """
    model = pretrained.load(
        AutoModelForSequenceClassification,
        "a sequence classifier",
        name,
        dtype,
        dropout,
        num_labels=num_labels,
    )
    _head_reader(model)
    pretrained.check_positions(model, name, max_length)
    replace_dropout(model)
    fuse(model)
    return model.requires_grad_(False).eval()


def _head_reader(model: PreTrainedModel) -> str:
    """Tell which token's hidden state the model's head reads: the "first" or the "last".

    Raises:
        StudyError: the model's head is of no known form.
    """
    if hasattr(model, "score"):
        return "last"
    if isinstance(getattr(model, "classifier", None), nn.Module):
        linear = isinstance(model.classifier, nn.Linear | RunLinear)
        pooled = getattr(model.base_model, "pooler", None) is not None
        if not linear or pooled or hasattr(model, "pre_classifier"):
            return "first"
    raise pretrained.unknown_form(model, "head")


def _names(module: nn.Module) -> list[str]:
    return [name for name, _ in module.named_parameters(recurse=False)]


def _seeded_head(
    old: nn.Linear | RunLinear, deviation: float, generators: Sequence[torch.Generator]
) -> RunLinear:
    """Draw every run's weight from N(0, deviation^2) with its own generator; biases are zero."""
    out_features, in_features = old.weight.shape[-2:]
    new = RunLinear(len(generators), in_features, out_features, bias=old.bias is not None)
    with torch.no_grad():
        for row, generator in zip(new.weight, generators, strict=True):
            row.normal_(0, deviation, generator=generator)
    return new.to(old.weight.device)


def parameter_count(module: nn.Module) -> int:
    """Count the numbers in a module's parameters, shared ones once.

    A weight in 4 bit (bitsandbytes) counts as the numbers that its codes stand for.
    """
    shapes = [getattr(getattr(p, "quant_state", p), "shape", p.shape) for p in module.parameters()]
    return sum(math.prod(shape) for shape in shapes)
