"""Turns texts into token ids with the model's own tokenizer."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING, AutoConfig, AutoTokenizer

from study.data.texts import Text, parts_of, shown
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
        token_types: int8 [tokens], as `study.records.prepared.Split` has them.
    """

    input_ids: Tensor
    lengths: Tensor
    full_lengths: Tensor
    token_types: Tensor | None = None


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


def reads_types(config: Any) -> bool:
    """Tell whether the classifier of a configuration takes token types and makes something of them.

    DeBERTa takes them, and has embeddings of them only where `type_vocab_size` is above 0.
    """
    if getattr(config.get_text_config(), "type_vocab_size", None) == 0:
        return False
    model = MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING.get(type(config), None)
    return model is not None and "token_type_ids" in inspect.signature(model.forward).parameters


class Tokenizer:
    """A model's tokenizer, held to one maximal length.

    Attributes:
        limit: the largest length that the model can read, in tokens; None: any.
    """

    limit: int | None

    def __init__(self, model_name: str, max_length: int, *, pairs: bool = False) -> None:
        """Load the tokenizer; no code that comes with a model is run.

        Args:
            pairs: whether texts will be pairs, which have more special tokens.

        Raises:
            StudyError: there is none, or the model cannot take texts of `max_length` tokens.
        """
        self._tokenizer, config = load_tokenizer(model_name)
        self._config = config
        self.vocabulary: int = vocabulary(config) or len(self._tokenizer)
        self.max_length = max_length
        self.display_name = display_name(model_name)
        self._check_length(positions(config), pairs)

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

    def encode(self, texts: Sequence[Text]) -> Tokens:
        """Tokenise texts, cutting those that are too long; special tokens stay at the ends.

        Pairs are put together as the tokenizer does it, and a token at a time is cut off the longer
        of the two.

        Raises:
            StudyError: a text has no token, or the model has no embedding for one, or for its type.
        """
        whole, types = self._encoded(texts, truncation=False)
        full_lengths = torch.tensor([len(ids) for ids in whole])
        long = (full_lengths > self.max_length).nonzero().flatten().tolist()
        cut = self._encoded([texts[i] for i in long], truncation=True) if long else ([], [])
        for i, ids, own in zip(long, *cut, strict=True):
            whole[i], types[i] = ids, own
        if 0 in full_lengths:
            text = texts[full_lengths.tolist().index(0)]
            raise StudyError(f"data.text: {shown(text)} has no token in {self.display_name}")
        input_ids = torch.tensor([i for ids in whole for i in ids], dtype=torch.int32)
        largest = int(input_ids.max())
        if largest >= self.vocabulary:
            raise StudyError(
                f"model.name: the tokenizer of {self.display_name} makes the id {largest}; "
                f"allowed: below the model's {self.vocabulary}"
            )
        lengths = torch.tensor([len(ids) for ids in whole], dtype=torch.int32)
        return Tokens(input_ids, lengths, full_lengths, self._types(types))

    def _encoded(
        self, texts: Sequence[Text], truncation: bool
    ) -> tuple[list[list[int]], list[list[int]]]:
        """Return ids and token types; a tokenizer that has no types gives empty ones."""
        columns = [list(column) for column in zip(*map(parts_of, texts), strict=True)]
        # verbose=False: it would warn of long texts, which are counted and cut.
        encoded = self._tokenizer(
            *columns, truncation=truncation, max_length=self.max_length, verbose=False
        )
        ids: list[list[int]] = encoded["input_ids"]
        return ids, encoded.get("token_type_ids") or [[] for _ in ids]

    def _types(self, types: Sequence[Sequence[int]]) -> Tensor | None:
        """Return token types end to end; None if all are 0, or the model asks for none.

        Raises:
            StudyError: the model has no embedding for one.
        """
        flat = [i for row in types for i in row]
        if not any(flat) or not reads_types(self._config):
            return None
        size = getattr(self._config.get_text_config(), "type_vocab_size", None)
        if size is not None and max(flat) >= size:
            raise StudyError(
                f"data.text: the tokenizer of {self.display_name} gives tokens the type "
                f"{max(flat)}, by which it tells two texts apart, and the model has {size} "
                "(type_vocab_size in its config); allowed: one column, or another model"
            )
        return torch.tensor(flat, dtype=torch.int8)

    def _check_length(self, positions: int | None, pairs: bool) -> None:
        special = self._tokenizer.num_special_tokens_to_add(pair=pairs) + pairs  # a token each
        # Where a tokenizer does not know its model's limit, it says 10^30.
        limit = min(self._tokenizer.model_max_length, positions or 10**30)
        self.limit = int(limit) if limit < 10**9 else None
        if not special < self.max_length <= limit:
            raise StudyError(
                f"data.max_length: {self.max_length}; allowed for {self.display_name}: "
                f"{special + 1} to {self.limit or 'any number'} tokens"
            )
