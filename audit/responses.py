"""Pairs of instruction and response, read as the study reads them, for a causal language model."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import AutoModelForCausalLM

from audit.examples import Array, batches, spread
from audit.wanted import Wanted
from study.entry.errors import StudyError
from study.metrics.measure import CLASSIFICATION, LOG_LOSS, Measure, measure_of
from study.models.pretrained import load
from study.studies.instruct.pairs.pairs import read_pairs
from study.studies.instruct.pairs.tokenising import PairTokenizer, Tokens
from study.studies.instruct.settings.pairs import PairSettings

_DATE = "2025-01-01"  # for templates that ask for today's, so that scores do not change overnight


class Responses:
    """Pairs, of whose responses each token's loss counts.

    The score is the mean over pairs of a pair's loss a response token, in nats; perplexity, its
    exponential, is what is shown.

    Attributes:
        model: the base; unit: what one is called.
    """

    unit = "pair"
    margin = 0.02  # nats: 2 % of perplexity
    point = (
        "A point is one nat of the mean loss a token; differences are turned, so above is better."
    )

    def __init__(self, wanted: Wanted, base: str) -> None:
        """Read the pairs and load the base.

        Raises:
            StudyError: the data or the base cannot be read, or no pair fits.
        """
        pairs = read_pairs(_settings(wanted)).pairs
        tokenizer = PairTokenizer(base, wanted.max_length, None, _DATE)
        made = [one for one in tokenizer.tokens(pairs) if isinstance(one, Tokens)]
        found = [one for one in made if one.prompt]  # a first token is predicted from nothing
        if not found:
            raise StudyError(
                f"--data {wanted.name}: no pair has a response within {wanted.max_length} tokens; "
                "allowed: a larger --max-length"
            )
        self.model: Any = load(
            AutoModelForCausalLM,
            "a causal language model",
            base,
            torch.float32,
            0.0,
            None,
            tokenizer.pad_token_id,
        )
        self._rows: Sequence[Tensor] = [torch.from_numpy(one.ids) for one in found]
        self._prompts = [one.prompt for one in found]
        self._padding = tokenizer.pad_token_id
        loss = measure_of(CLASSIFICATION, LOG_LOSS)
        self.measure: Measure = replace(loss, words="perplexity of responses")

    def __len__(self) -> int:
        """Return the number of pairs."""
        return len(self._rows)

    @torch.no_grad()
    def parts(self, model: Any) -> Array:
        """Return each pair's loss a response token, (n,)."""
        losses = np.empty(len(self))
        for batch in batches(self._rows, self._padding):
            logits = batch.call(model).logits[:, :-1].float()  # (b, t - 1, tokens)
            each = F.cross_entropy(logits.transpose(1, 2), batch.ids[:, 1:], reduction="none")
            for row, place in enumerate(batch.places):
                end = len(self._rows[place]) - 1
                losses[place] = float(each[row, self._prompts[place] - 1 : end].mean())
        return losses

    def shown(self, value: float) -> str:
        """Write a mean loss as perplexity."""
        return f"{math.exp(value):.2f}"

    @torch.no_grad()
    def run(self, model: Any, told: Callable[[Tensor], None]) -> None:
        """Call the model on some of the pairs, each batch's mask told before."""
        for batch in batches([self._rows[i] for i in spread(len(self))], self._padding):
            told(batch.mask)
            batch.call(model)


def _settings(wanted: Wanted) -> PairSettings:
    return PairSettings(
        form="auto",
        name=wanted.name,
        subset=None,
        split=wanted.split,
        where=wanted.where,
        text="text",
        label="label",
        positive="1",
        system=None,
        turns="last",
        date=_DATE,
        train_size=None,
        validation_size=1,
        test_size=1,
        max_length=wanted.max_length,
        max_dropped_share=1.0,
        seed=0,
    )
