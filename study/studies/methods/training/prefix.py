"""Prefix tuning through PEFT: learned keys and values before each layer's own (Li & Liang 2021).

arXiv 2101.00190. PEFT hands them to the encoder as its cache of past keys and values, which asks
for an ordinary padded model: so the classifier here takes the study's packed batches apart.
Positions of real tokens begin behind the prefix, as PEFT has it. There is no such cache in
DistilBERT.
"""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from study.batches.collating import Inputs
from study.batches.packing import Batch, PackedBatch
from study.entry.errors import StudyError
from study.models.dropout import use_generators
from study.models.fused_layer import unfuse
from study.models.packed import PackedClassifier
from study.models.pretrained import batching_of, first_position
from study.studies.methods.training.method import Method, NotApplicable
from study.studies.methods.training.peft_library import load_peft

_PROMPT = "prefixed.prompt_encoder.default.embedding.weight"


class PrefixTuning(Method):
    """PEFT's prefix encoder, without a reparametrisation, around the study's encoder.

    Args:
        virtual_tokens: keys and values that every head of every layer gets.
    """

    reason_unmergeable = "a prefix is a longer input of attention, not a change of weights"

    def __init__(self, virtual_tokens: int) -> None:
        self.virtual_tokens = virtual_tokens

    def prepare(self, model: PreTrainedModel, max_length: int) -> None:
        """Give the model ordinary attention over padded batches.

        Raises:
            NotApplicable: the encoder takes no past keys and values.
            StudyError: it has too few positions.
        """
        if "past_key_values" not in inspect.signature(model.base_model.forward).parameters:
            raise NotApplicable(
                f"a {type(model).__name__} takes no keys and values from outside, which a prefix is"
            )
        positions = getattr(model.config, "max_position_embeddings", math.inf)
        positions -= first_position(model)
        if self.virtual_tokens + max_length > positions:
            raise StudyError(
                f"methods/params.yaml:prefix.virtual_tokens: {self.virtual_tokens}; allowed: "
                f"at most {positions - max_length}, since the model has {positions} positions and "
                f"data.max_length is {max_length}"
            )
        if batching_of(model) != "packed":
            raise NotApplicable(
                "prefix tuning feeds a model with rows of its own, and this model's sentences "
                "cannot be packed"
            )
        unfuse(model)
        model.set_attn_implementation("eager")  # a CPU's fused kernel goes back slowly in bf16

    def insert(self, model: PreTrainedModel, generator: torch.Generator) -> tuple[str, ...]:
        """Put nothing into the model: the prefix stands around its encoder."""
        del model, generator
        return ()

    def eject(self, model: PreTrainedModel) -> None:
        """Leave the model as it is."""

    def classifier(
        self, model: PreTrainedModel, seed: int, generator: torch.Generator
    ) -> tuple[PackedClassifier, tuple[str, ...]]:
        """Return a classifier whose encoder has a prefix drawn from N(0, 1), as PEFT draws it."""
        classifier = PrefixClassifier(model, seed, self.virtual_tokens)
        with torch.no_grad():
            classifier.get_parameter(_PROMPT).normal_(generator=generator)
        return classifier, (_PROMPT,)

    def keep_fp32(self, name: str) -> bool:
        """Keep the prefix in fp32: its gradient is a sum over all sentences."""
        del name
        return True


class PrefixClassifier(PackedClassifier):
    """A classifier for one run whose encoder is PEFT's, fed with padded sentences.

    Attributes:
        prefixed: the same encoder as the model's, with PEFT's prefix before it.
    """

    def __init__(self, model: PreTrainedModel, seed: int, virtual_tokens: int) -> None:
        super().__init__(model, [seed])
        self._virtual_tokens = virtual_tokens
        peft = load_peft()
        config = peft.PrefixTuningConfig(
            task_type="FEATURE_EXTRACTION", num_virtual_tokens=virtual_tokens
        )
        with torch.random.fork_rng(devices=[]):  # PEFT draws from the global generator
            self.prefixed: Any = peft.PeftModelForFeatureExtraction(model.base_model, config)

    def forward(self, batch: Batch, generators: Sequence[torch.Generator] = ()) -> Tensor:
        """Return the logits (1, B, num_labels) of the run's sentences, fp32."""
        assert isinstance(batch, PackedBatch)
        use_generators(self, generators, (), batch.share)
        return self.classify(self.features(batch, generators))

    def features(self, batch: PackedBatch, generators: Sequence[torch.Generator] = ()) -> Tensor:
        """Return the hidden state that stands for each sentence, (B, 1, hidden)."""
        return self.padded_features(unpacked(batch), generators)

    def padded_features(self, inputs: Inputs, generators: Sequence[torch.Generator] = ()) -> Tensor:
        """Return the same for sentences that are padded."""
        with warnings.catch_warnings(), torch.random.fork_rng(enabled=bool(generators)):
            warnings.simplefilter("ignore")
            for generator in generators:  # attention's own dropout draws from the global generator
                torch.manual_seed(_drawn(generator))
            hidden = self._encoded(inputs)
        mask = inputs["attention_mask"]
        last = mask.sum(1) - 1 if self._place_of_head == "last" else torch.zeros_like(mask[:, 0])
        return hidden[torch.arange(len(mask), device=mask.device), last].unsqueeze(1)

    def _encoded(self, inputs: Inputs) -> Tensor:
        """Return the last hidden states, as PEFT's own forward gives them but for token types.

        That of feature extraction drops token types, where the one of classification keeps them.
        """
        mask = inputs["attention_mask"]
        past = self.prefixed.get_prompt(len(mask))
        before = torch.ones(len(mask), self._virtual_tokens, device=mask.device)
        words = inputs | {"attention_mask": torch.cat((before, mask), dim=1)}
        hidden: Tensor = self.prefixed.base_model(**words, past_key_values=past).last_hidden_state
        return hidden


def unpacked(batch: PackedBatch) -> Inputs:
    """Return a batch of one run as padded rows; ids and token types pad with 0."""
    first, last = batch.first[0], batch.last[0]
    lengths = last - first + 1
    places = torch.arange(int(lengths.max()), device=first.device)
    mask = places < lengths[:, None]
    at = torch.where(mask, first[:, None] + places, 0)
    inputs = {
        "input_ids": torch.where(mask, batch.input_ids[0][at], 0),
        "attention_mask": mask.long(),
    }
    if batch.token_types is not None:
        inputs["token_type_ids"] = torch.where(mask, batch.token_types[0][at], 0)
    return inputs


def _drawn(generator: torch.Generator) -> int:
    draw = torch.empty((), dtype=torch.int64, device=generator.device)
    return int(draw.random_(generator=generator))
