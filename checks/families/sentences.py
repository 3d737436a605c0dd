"""What the models of all families read: sentences of 7 to 96 tokens, an end token behind each."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from checks.families import sizes
from checks.families.making import LABELS
from study.records.prepared import Split

LENGTHS = (96, 7, 18, 61, 40, 9, 80, 25, 33, 12, 52)
LONGEST = max(LENGTHS)
CHOSEN = (torch.arange(10), torch.arange(1, 11))  # a run each; their rows differ in length


def sentences(causal: bool) -> Split:
    """Return the sentences, with classes as labels or, if causal, lengths of responses."""
    draw = torch.Generator().manual_seed(3)
    rows = [torch.randint(*sizes.WORDS, (n,), generator=draw) for n in LENGTHS]
    for row in rows:
        row[0], row[-1] = sizes.BOS, sizes.EOS
    labels = torch.arange(len(rows)) % LABELS
    if causal:
        labels = torch.tensor([n // 2 for n in LENGTHS])
    lengths = torch.tensor(LENGTHS, dtype=torch.int32)
    return Split(torch.cat(rows).to(torch.int32), lengths, labels)


def padded(split: Split, chosen: Tensor) -> dict[str, Tensor]:
    """Return input_ids and attention_mask (b, longest), padded to the right as a collator does."""
    rows = [split.input_ids[split.offsets[i] : split.offsets[i + 1]].long() for i in chosen]
    ids = pad_sequence(rows, batch_first=True, padding_value=sizes.PAD)
    mask = pad_sequence([torch.ones_like(row) for row in rows], batch_first=True)
    return {"input_ids": ids, "attention_mask": mask}
