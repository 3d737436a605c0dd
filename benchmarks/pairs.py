"""The pairs of instruction and response that causal steps are measured on: instruct's own.

Three rows: as they are, with the beginnings that its system message and templates give them; with
nothing in common; behind a system message as long as users' prompts have it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.data import first
from study.batches import streams
from study.entry.errors import StudyError
from study.records import prepared
from study.records.prepared import SPLITS, Prepared, Split

STUDY = Path("instruct")
DATA = STUDY / "data/prepared"
KINDS = {"causal_step": "default", "causal_step_apart": "apart", "causal_step_system": "system"}
"""The rows, and which pairs each is of."""
SYSTEM = 200  # tokens of the system message
BATCH = 16  # pairs a step
_EVALUATED = 8  # pairs of each evaluation, which is not timed


def load_pairs(kind: str, steps: int) -> Prepared:
    """Return as many pairs as `steps` steps train on, or all; see `KINDS`.

    Raises:
        StudyError: they have not been prepared.
    """
    if not DATA.exists():
        raise StudyError(f"{DATA}: not there; `dvc repro instruct/dvc.yaml:prepare` makes it")
    data = prepared.load(DATA)
    counts = {"train": steps * BATCH, "validation": _EVALUATED, "test": _EVALUATED}
    cut = [changed(first(getattr(data, name), counts[name]), kind) for name in SPLITS]
    longest = max(int(split.lengths.max()) for split in cut)
    train, validation, test = cut
    return replace(
        data,
        train=train,
        validation=validation,
        test=test,
        max_length=max(data.max_length, longest),
    )


def changed(split: Split, kind: str) -> Split:
    """Return pairs of one of `KINDS`; responses stay."""
    rows = list(split.input_ids.split(split.lengths.tolist()))
    if kind == "apart":
        rows = [_other_first(row, place) for place, row in enumerate(rows)]
    elif kind == "system":
        draw = streams.generator(0, "system message")
        message = split.input_ids[torch.randint(len(split.input_ids), (SYSTEM,), generator=draw)]
        rows = [torch.cat([row[:1], message, row[1:]]) for row in rows]
    lengths = torch.tensor([len(row) for row in rows], dtype=torch.int32)
    return Split(torch.cat(rows), lengths, split.labels)


def _other_first(row: Tensor, place: int) -> Tensor:
    return torch.cat([row.new_tensor([place]), row[1:]])
