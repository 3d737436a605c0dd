"""The token that pads a batch of what is handed out, the same in its tokenizer and its config.

Decoders (GPT-2, Llama) find the end of a sentence by it: transformers scores the last token that is
another one. Many come without such a token, and then refuse a batch or pad it with one that ends
sentences.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import AutoTokenizer, PretrainedConfig, PreTrainedModel

from study.records.prepared import SPLITS, Prepared
from study.sources.configs import token_id, vocabulary
from study.sources.resolve import pretrained


@dataclass(frozen=True)
class Padding:
    """How a batch is padded, on the right.

    Attributes:
        token: as the tokenizer writes it; token_id: its id.
        to_tokenizer: what the base's own tokenizer has otherwise, to be told when it is loaded.
        to_config: what the base's own config has otherwise.
    """

    token: str
    token_id: int
    to_tokenizer: tuple[tuple[str, str], ...] = ()
    to_config: tuple[tuple[str, int], ...] = ()


def load_tokenizer(name: str, max_length: int) -> Any:
    """Load the tokenizer of `model.name`; it cuts where training did."""
    where, options = pretrained(name)
    tokenizer = AutoTokenizer.from_pretrained(where, trust_remote_code=False, **options)
    tokenizer.model_max_length = max_length
    return tokenizer


def pad_with(model: PreTrainedModel, tokenizer: Any, data: Prepared) -> Padding:
    """Give model and tokenizer one padding token, in place, and say what was changed.

    It is the tokenizer's own, as in the study. Where that has none, or one for which the model has
    no embedding, it is what the study padded rows with, if it did, or a token that ends none of the
    data's sentences.
    """
    to_tokenizer: dict[str, str] = {}
    to_config: dict[str, int] = {}
    config = model.config.get_text_config()
    if tokenizer.pad_token_id is None or tokenizer.pad_token_id >= (vocabulary(config) or 10**9):
        packed = data.batching == "packed"
        chosen = _unused(tokenizer, config, data) if packed else data.pad_token_id
        tokenizer.pad_token = to_tokenizer["pad_token"] = tokenizer.convert_ids_to_tokens(chosen)
    if tokenizer.padding_side != "right":
        tokenizer.padding_side = to_tokenizer["padding_side"] = "right"
    pad = int(tokenizer.pad_token_id)
    # Others get along without: RoBERTa counts positions from the id in its config on.
    own = getattr(config, "pad_token_id", None)
    if (own is None or hasattr(model, "score")) and own != pad:
        config.pad_token_id = to_config["pad_token_id"] = pad
    return Padding(tokenizer.pad_token, pad, tuple(to_tokenizer.items()), tuple(to_config.items()))


def _unused(tokenizer: Any, config: PretrainedConfig, data: Prepared) -> int:
    """Return a token that ends no sentence: a special one, else one that stands in none.

    Of a vocabulary that is used whole, the last. The model must have an embedding for it.
    """
    splits = [getattr(data, name) for name in SPLITS]
    ends = {i for split in splits for i in last_tokens(split.input_ids, split.lengths).tolist()}
    size = min(len(tokenizer), vocabulary(config) or len(tokenizer))
    for token in (token_id(config, "pad"), tokenizer.eos_token_id, tokenizer.unk_token_id):
        if token is not None and 0 <= token < size and token not in ends:
            return int(token)
    used = torch.cat([split.input_ids for split in splits]).unique().tolist()
    free = sorted(set(tokenizer.get_vocab().values()) & set(range(size)) - set(used))
    return int(free[0]) if free else size - 1


def last_tokens(input_ids: Tensor, lengths: Tensor) -> Tensor:
    """Return the last token of every sentence, (n,), of sentences end to end."""
    return input_ids[lengths.long().cumsum(0) - 1]
