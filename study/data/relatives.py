"""Which sentences of one data set are near-duplicates of another's, where tokens are all there is.

Prepared data hold token ids and no texts. They are decoded, so that both sides went through the
same tokenizer and were cut to the same length: what is compared is what a model reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import torch
from torch import Tensor

from study.data.near_duplicates import families
from study.data.texts import joined
from study.data.tokenising import load_tokenizer
from study.records.prepared import Split


def related(split: Split, others: Iterable[Split], model_name: str) -> Tensor:
    """Return for every sentence (n,) bool whether it is of one family with one of the others.

    Families are those of `study.data.near_duplicates`: the same words, or one quotes the other.
    Each text of a pair may be the one; pairs are told by the tokenizer's separators.

    Args:
        model_name: of the model whose tokenizer made the ids; as `model.name`.

    Raises:
        StudyError: it has no tokenizer.
    """
    tokenizer, _ = load_tokenizer(model_name)

    def texts(of: Split) -> list[list[str]]:
        rows = of.input_ids.split(of.lengths.tolist())
        return [_texts(tokenizer, row.tolist()) for row in rows]

    known = [parts for other in others for parts in texts(other)]
    rows = [*known, *texts(split)]
    of_parts = families([part for parts in rows for part in parts])
    found = joined(of_parts, [len(parts) for parts in rows])
    return torch.from_numpy(np.isin(found[len(known) :], found[: len(known)]))


def _texts(tokenizer: Any, ids: Sequence[int]) -> list[str]:
    """Return the texts that stand between separators; at least one, which may be empty."""
    ends = {tokenizer.sep_token_id, tokenizer.eos_token_id, tokenizer.bos_token_id}
    ends.discard(tokenizer.unk_token_id)  # GPT-2's is its end as well, and may stand in a text
    between = [list(part) for is_end, part in groupby(ids, ends.__contains__) if not is_end]
    texts = [tokenizer.decode(part, skip_special_tokens=True) for part in between]
    return [text for text in texts if text.strip()] or [""]
