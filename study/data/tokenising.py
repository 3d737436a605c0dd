"""Turns texts into token ids with the model's own tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import AutoConfig, AutoTokenizer

from study.entry.errors import StudyError
from study.sources.configs import positions, token_id, vocabulary
from study.sources.resolve import display_name, pretrained, resolve


@dataclass(frozen=True, eq=False)
class Tokens:
    """Tokenised texts, special tokens included.

    Attributes:
        input_ids: int32 [tokens], texts end to end.
        lengths: int32 [texts], in tokens.
        full_lengths: int64 [texts], before long texts were cut.
    """

    input_ids: Tensor
    lengths: Tensor
    full_lengths: Tensor


def load_tokenizer(model_name: str) -> tuple[Any, Any]:
    """Load a model's tokenizer and configuration; no code that comes with a model is run.

    Raises:
        StudyError: there is none.
    """
    source = resolve(model_name, "model")
    local = source.path is not None
    where, options = pretrained(model_name)
    try:
        config = AutoConfig.from_pretrained(where, local_files_only=local, **options)
        tokenizer = AutoTokenizer.from_pretrained(where, local_files_only=local, **options)
    except (OSError, ValueError, ImportError, KeyError) as error:
        looked = "in that folder" if local else "here and on the Hugging Face hub"
        reason = " ".join(str(error).split())
        raise StudyError(
            f"model.name: looked for the tokenizer of {model_name!r} {looked}: {reason}"
        ) from error
    if set(tokenizer.get_vocab().values()) <= set(tokenizer.all_special_ids):
        # What `transformers` makes up for a model that comes without a tokenizer.
        raise StudyError(f"model.name: {model_name!r} has no tokenizer; looked in {where}")
    return tokenizer, config


class Tokenizer:
    """A model's tokenizer, held to one maximal length."""

    def __init__(self, model_name: str, max_length: int) -> None:
        """Load the tokenizer; no code that comes with a model is run.

        Raises:
            StudyError: there is none, or the model cannot take texts of `max_length` tokens.
        """
        self._tokenizer, config = load_tokenizer(model_name)
        self._config = config
        self.vocabulary: int = vocabulary(config) or len(self._tokenizer)
        self.max_length = max_length
        self.display_name = display_name(model_name)
        self._check_length(positions(config))

    @property
    def pad_token_id(self) -> int:
        """The id that padding would have: the tokenizer's, or else the model's, or else the end's.

        One for which the model has no embedding does not count; 0 if there is none (bytes alone).
        """
        own = self._tokenizer.pad_token_id
        own = own if own is not None and own < self.vocabulary else None
        ids = (own, token_id(self._config, "pad"), token_id(self._config, "eos"))
        return next((int(i) for i in ids if i is not None), 0)

    def decode(self, ids: Sequence[int]) -> str:
        """Return a text that has about these ids, without special tokens."""
        text: str = self._tokenizer.decode(list(ids), skip_special_tokens=True)
        return text

    def encode(self, texts: Sequence[str]) -> Tokens:
        """Tokenise texts, cutting those that are too long; special tokens stay at the ends.

        Raises:
            StudyError: a text has no token, or the model has no embedding for one.
        """
        whole: list[list[int]] = self._ids(texts, truncation=False)
        full_lengths = torch.tensor([len(ids) for ids in whole])
        long = (full_lengths > self.max_length).nonzero().flatten().tolist()
        cut = self._ids([texts[i] for i in long], truncation=True) if long else []
        for i, ids in zip(long, cut, strict=True):
            whole[i] = ids
        if 0 in full_lengths:
            text = texts[full_lengths.tolist().index(0)]
            raise StudyError(f"data.text: {text[:60]!r} has no token in {self.display_name}")
        input_ids = torch.tensor([i for ids in whole for i in ids], dtype=torch.int32)
        largest = int(input_ids.max())
        if largest >= self.vocabulary:
            raise StudyError(
                f"model.name: the tokenizer of {self.display_name} makes the id {largest}; "
                f"allowed: below the model's {self.vocabulary}"
            )
        lengths = torch.tensor([len(ids) for ids in whole], dtype=torch.int32)
        return Tokens(input_ids, lengths, full_lengths)

    def _ids(self, texts: Sequence[str], truncation: bool) -> list[list[int]]:
        # verbose=False: it would warn of long texts, which are counted and cut.
        encoded = self._tokenizer(
            list(texts), truncation=truncation, max_length=self.max_length, verbose=False
        )
        ids: list[list[int]] = encoded["input_ids"]
        return ids

    def _check_length(self, positions: int | None) -> None:
        special = self._tokenizer.num_special_tokens_to_add()
        # Where a tokenizer does not know its model's limit, it says 10^30.
        limit = min(self._tokenizer.model_max_length, positions or 10**30)
        if not special < self.max_length <= limit:
            raise StudyError(
                f"data.max_length: {self.max_length}; allowed for {self.display_name}: "
                f"{special + 1} to {int(limit) if limit < 10**9 else 'any number'} tokens"
            )
