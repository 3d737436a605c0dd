"""Which sentences of one data set are near-duplicates of another's, where tokens are all there is.

Prepared data hold token ids and no texts. They are decoded, so that both sides went through the
same tokenizer and were cut to the same length: what is compared is what a model reads.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from study.data.near_duplicates import families
from study.data.tokenising import load_tokenizer
from study.records.prepared import Split


def related(split: Split, others: Iterable[Split], model_name: str) -> Tensor:
    """Return for every sentence (n,) bool whether it is of one family with one of the others.

    Families are those of `study.data.near_duplicates`: the same words, or one quotes the other.

    Args:
        model_name: of the model whose tokenizer made the ids; as `model.name`.

    Raises:
        StudyError: it has no tokenizer.
    """
    tokenizer, _ = load_tokenizer(model_name)

    def texts(of: Split) -> list[str]:
        rows = of.input_ids.split(of.lengths.tolist())
        return [tokenizer.decode(row.tolist(), skip_special_tokens=True) for row in rows]

    known = [text for other in others for text in texts(other)]
    found = families([*known, *texts(split)])
    return torch.from_numpy(np.isin(found[len(known) :], found[: len(known)]))
