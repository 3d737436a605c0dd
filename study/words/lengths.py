"""What of the texts is cut off, as a sentence that says how to read more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from study.words.phrases import counted

TOLD_FROM = 0.1
"""The share of texts that are cut from which it is said: below, the model reads nearly all."""

_STEP = 64  # tokens; nobody needs a setting to the token


def cut_off(split: Mapping[str, Any]) -> bool:
    """Tell whether it is worth saying how many texts of a split of `metrics/data.json` are cut."""
    return float(split["truncated_share"]) >= TOLD_FROM


def cut_words(split: Mapping[str, Any], max_length: int, limit: int | None) -> str:
    """Say how many texts are cut, and which `data.max_length` reads three quarters of all whole.

    Of three quarters that are short already the limit is that of 95 %.

    Args:
        split: of the training sentences, in `metrics/data.json`.
        max_length: tokens that were kept of a text.
        limit: tokens that the model can read; None where it has no limit.
    """
    told = (
        f"{split['truncated_share']:.0%} of the sentences to train on are longer than "
        f"data.max_length: {max_length}, and the rest of them is not read (half have "
        f"{counted(split['length_p50'], 'token')} or more)"
    ).replace("%", " %")
    if limit is not None and limit <= max_length:
        return f"{told}. The model reads no more"
    wanted = next(
        p for p in (split["length_p75"], split["length_p95"], split["length_max"]) if p > max_length
    )
    whole = _STEP * -(-wanted // _STEP)
    more = whole if limit is None else min(whole, limit)
    return f"{told}. To read more, in more time: dvc exp run -S data.max_length={more}"
