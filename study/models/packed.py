"""A pretrained transformer as a classifier of packed sentences, with a run axis in its head.

Hugging Face's own modules do the work: the encoder sees one row of tokens a run, the head sees the
one hidden state that stands for each sentence. Only the head's linear layers are replaced, by
`RunLinear`, which holds one weight a run. A model that was loaded for padded rows gets its
sentences as such, and computes all else itself (`study.models.padded`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from study.batches import streams
from study.batches.packing import Batch, FeatureBatch, PackedBatch
from study.entry.errors import StudyError
from study.models import pretrained
from study.models.attention import Packing
from study.models.dropout import replace_dropout, use_generators
from study.models.fused_layer import fuse, picks_readout
from study.models.objective import Classification, PackedModel
from study.models.padded import PaddedForward, in_order, typed
from study.models.readout import HeadAlone, find_head, listening, looked_up, states_of
from study.models.row_pass import RowPass, bare
from study.models.run_linear import RunLinear
from study.records.prepared import Batching, Prepared

_Found = TypeVar("_Found")


class PackedClassifier(PackedModel):
    """A sequence classifier of transformers that reads packed batches.

    Args:
        model: as `load_pretrained` gives it; its head's linear layers become `RunLinear`.
        seeds: of the runs, one row of a packed batch each; a seed fixes its run's initial head,
            whatever else trains beside it.
    """

    objective = Classification()

    def __init__(self, model: PreTrainedModel, seeds: Sequence[int]) -> None:
        super().__init__()
        self.model = model
        self.runs = len(seeds)
        prefix = model.base_model_prefix + "."
        how = pretrained.batching_of(model)
        self._padded: PaddedForward | None = None
        if how == "packed":
            self._place_of_head = _head_reader(model)
            self._encoder_picks = self._place_of_head == "first" and picks_readout(model)
        else:
            self._padded = PaddedForward(model, self.runs, separate=how == "separate")
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
        rest = {name: p for name, p in model.named_parameters() if not name.startswith(prefix)}
        self.head_parts = tuple(f"model.{name}" for name in rest)
        for name in rest.keys() - {name.removeprefix("model.") for name in self.head_names}:
            rest[name].data = rest[name].data.float()  # a norm between two layers that are fp32

    def forward(self, batch: Batch, generators: Sequence[torch.Generator] = ()) -> Tensor:
        """Return the logits (R, B, num_labels) of every run's sentences, fp32.

        Args:
            generators: of dropout, one per run; needed in training mode only.
        """
        if isinstance(batch, FeatureBatch):
            use_generators(self, generators)
            return self.classify(batch.features)
        if self._padded is not None:
            return self._padded_logits(self._padded, batch, generators)
        use_generators(self, generators, batch.row_tokens, batch.share)
        return self.classify(self.features(batch, generators))

    @property
    def has_features(self) -> bool:
        """Whether one state stands for a sentence, so that the head can train on states alone."""
        return self._padded is None or self._head_alone is not None

    def features(self, batch: PackedBatch, generators: Sequence[torch.Generator] = ()) -> Tensor:
        """Return the hidden state that stands for each sentence, (R * B, 1, hidden).

        Raises:
            StudyError: the model's head reads more than one.
        """
        if self._padded is not None:
            return self._padded_features(self._padded, batch, generators)
        first = self._place_of_head == "first"
        places = (batch.first if first else batch.last).flatten()
        hidden: Tensor = self.model.base_model(
            input_ids=batch.input_ids,
            position_ids=self._positions(batch.position_ids),
            packing=Packing(batch.layout, generators, places if self._encoder_picks else None),
            **typed(batch),
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
        if self._padded is not None:
            logits = self._own_head()(features[:, 0])
        elif self._place_of_head == "last":  # GPT-2, Llama: a linear score of the last token
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

    def _padded_logits(
        self, forward: PaddedForward, batch: PackedBatch, generators: Sequence[torch.Generator]
    ) -> Tensor:
        found = []
        for one in forward.passes(generators):
            rows = forward.rows(batch, one)
            found.append(in_order([forward(each, one).logits for each in rows], rows))
        return torch.cat(found).float()

    def _padded_features(
        self, forward: PaddedForward, batch: PackedBatch, generators: Sequence[torch.Generator]
    ) -> Tensor:
        kind, found = self._own_head().kind, []
        for one in forward.passes(generators):
            rows, states = forward.rows(batch, one), []
            for each in rows:
                with listening(self.model) as heard:
                    forward(each, one)
                states.append(states_of(heard[0], each)[kind])
            found.append(in_order(states, rows))
        return torch.cat(found).flatten(0, 1).unsqueeze(1)

    def embeddings(self) -> dict[str, nn.Embedding]:
        """Return the embeddings that rows are looked up in, by name."""
        found = {n: m for n, m in self.named_modules() if isinstance(m, nn.Embedding)}
        if self._padded is None:
            return found
        used = self._tried(looked_up)  # DeBERTa reads its table of relative positions whole
        return {name: module for name, module in found.items() if module in used}

    @cached_property
    def _head_alone(self) -> HeadAlone | None:
        return self._tried(find_head)

    def _tried(self, find: Callable[..., _Found]) -> _Found:
        """Return what is found by trying the model, without dropout and adapters."""
        assert self._padded is not None
        forward, training = self._padded, self.model.training
        self.model.eval()
        try:
            with bare(self.model):  # their rows may be no run's own, all runs being in one pass
                return find(self.model, self.runs, lambda rows: forward(rows, RowPass((), None)))
        finally:
            self.model.train(training)

    def _own_head(self) -> HeadAlone:
        if self._head_alone is None:
            raise StudyError(
                f"model.name: the head of a {type(self.model).__name__} reads more than one state "
                "of a sentence, so that there is none to compare or to keep"
            )
        return self._head_alone

    def _positions(self, positions: Tensor) -> Tensor:
        offset = pretrained.first_position(self.model)
        return positions + offset if offset else positions


def load_pretrained(
    name: str,
    num_labels: int,
    dtype: torch.dtype,
    dropout: float,
    max_length: int,
    batching: Batching = "packed",
    pad_token_id: int | None = None,
) -> PreTrainedModel:
    """Load `model.name` with our dropout, frozen, in evaluation mode.

    Args:
        name: as in the settings; see `study.sources.resolve.resolve_model`.
        dtype: of every weight.
        dropout: of hidden states and attention while training.
        max_length: the most tokens of a sentence.
        batching: how it is to compute; `study.feasibility.batching` finds what it can.
        pad_token_id: of padded rows; None: its config's.

    Raises:
        StudyError: there is no such model, it is packed and of a family whose head this study
            cannot read, or it has fewer positions than `max_length`.
    """
    model = pretrained.load(
        AutoModelForSequenceClassification,
        "a sequence classifier",
        name,
        dtype,
        dropout,
        batching,
        pad_token_id,
        num_labels=num_labels,
    )
    if model.base_model is model:
        raise pretrained.unknown_form(model, "head")
    if batching == "packed":
        _head_reader(model)
    pretrained.check_positions(model, name, max_length)
    replace_dropout(model)
    if batching == "packed":
        fuse(model)
    return model.requires_grad_(False).eval()


def load_for(
    data: Prepared, name: str, dtype: torch.dtype, dropout: float = 0.0
) -> PreTrainedModel:
    """Load `model.name` for prepared data: their classes, their longest sentence, their batching.

    Raises:
        StudyError: as `load_pretrained`.
    """
    classes, longest, pad = data.num_labels, data.max_length, data.pad_token_id
    return load_pretrained(name, classes, dtype, dropout, longest, data.batching, pad)


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


def other_names(module: nn.Module) -> dict[str, str]:
    """Return the further names of parameters that have several, and the first name of each."""
    first: dict[int, str] = {}
    found = {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        own = first.setdefault(id(parameter), name)
        if own != name:
            found[name] = own
    return found


def parameter_count(module: nn.Module) -> int:
    """Count the numbers in a module's parameters, shared ones once.

    A weight in 4 bit (bitsandbytes) counts as the numbers that its codes stand for.
    """
    shapes = [getattr(getattr(p, "quant_state", p), "shape", p.shape) for p in module.parameters()]
    return sum(math.prod(shape) for shape in shapes)
