"""The second way to compute: padded rows through the model's own forward.

It takes the same packed batches. Their sentences become rows of like length with an attention mask,
and all the rest is the model's own code: its attention, its masks, its head. So whatever a family
does between its tokens is done, at about twice the time of packing on the default model
(docs/training.md). Rows are run-major, so that adapters and heads with a run axis serve all runs in
one pass. One run goes through at a time where runs would change each other: where some layer gives
an adapter rows that are no run's own (the relative positions of DeBERTa), and in training where
dropout draws, since a mask's shape follows the longest row of any run.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers import PreTrainedModel

from study.batches.packing import BLOCKS, PackedBatch
from study.models.dropout import no_dropout
from study.models.row_pass import RowPass, seeded
from study.sources.configs import token_id


class Rows(NamedTuple):
    """Sentences of like length, run-major.

    Attributes:
        input_ids: (rows, L) int64, padded on the right.
        mask: (rows, L) int64, 1 where there is a token.
        columns: (R, b) int64, which of each run's sentences these are.
        token_types: (rows, L) int64, of padding 0; None: there are none.
    """

    input_ids: Tensor
    mask: Tensor
    columns: Tensor
    token_types: Tensor | None = None

    @property
    def last(self) -> Tensor:
        """(rows,) int64, the place of each row's last token."""
        return self.mask.sum(1) - 1


def padded_rows(batch: PackedBatch, pad: int, run: int | None, chunks: int = BLOCKS) -> list[Rows]:
    """Turn a packed batch into padded rows.

    Args:
        pad: the id of padding.
        run: whose sentences; None: those of every run.
        chunks: of sentences of like length; more pad less and launch more.
    """
    own = slice(None) if run is None else slice(run, run + 1)
    first = batch.first[own]
    lengths = batch.last[own] - first + 1
    flat = batch.input_ids.reshape(-1)
    order = lengths.argsort(dim=1, stable=True)
    made = []
    for columns in order.tensor_split(min(chunks, order.shape[1]), dim=1):
        starts, longs = (x.gather(1, columns).reshape(-1, 1) for x in (first, lengths))
        places = torch.arange(int(longs.max()), device=flat.device)
        real = places < longs
        places = (starts + places).clamp_(max=len(flat) - 1)
        ids = flat[places].masked_fill_(~real, pad)
        types = batch.token_types
        types = None if types is None else types.reshape(-1)[places].masked_fill_(~real, 0)
        made.append(Rows(ids, real.long(), columns, types))
    return made


def typed(rows: Rows | PackedBatch) -> dict[str, Tensor]:
    """Return what a model's forward is told of token types: nothing where there are none."""
    return {} if rows.token_types is None else {"token_type_ids": rows.token_types}


def in_order(parts: Sequence[Tensor], rows: Sequence[Rows]) -> Tensor:
    """Bring what was made of rows, (R * b, ...) each, to the order of sentences, (R, B, ...)."""
    columns = torch.cat([each.columns for each in rows], dim=1)
    runs = len(columns)
    found = torch.cat([part.reshape(runs, -1, *part.shape[1:]) for part in parts], dim=1)
    place = columns.argsort(dim=1).view(*columns.shape, *(1,) * (found.ndim - 2))
    return found.gather(1, place.expand_as(found))


class PaddedForward:
    """Runs padded rows through a model's own forward.

    Args:
        model: loaded for padded rows (`study.models.pretrained.load`).
        runs: R.
        separate: one run at a time, always.
    """

    def __init__(self, model: PreTrainedModel, runs: int, *, separate: bool) -> None:
        self._model, self._runs, self._separate = model, runs, separate
        self._pad = token_id(model.config, "pad") or 0
        self._options: dict[str, Any] = {"use_cache": False} if _caches(model) else {}

    def passes(self, generators: Sequence[torch.Generator]) -> list[RowPass]:
        """Return the passes that a batch takes: one, or one a run."""
        draws = self._model.training and not no_dropout(self._model)
        if self._runs > 1 and not (self._separate or draws):
            return [RowPass(generators, None)]
        return [RowPass(generators[run : run + 1], run) for run in range(self._runs)]

    def rows(self, batch: PackedBatch, one: RowPass) -> list[Rows]:
        """Return a pass's rows."""
        return padded_rows(batch, self._pad, one.run)

    def __call__(self, rows: Rows, one: RowPass) -> Any:
        """Return what transformers' own forward gives for rows."""
        draws = self._model.training and not no_dropout(self._model)
        words = {"input_ids": rows.input_ids, "attention_mask": rows.mask, **typed(rows)}
        with one.over(self._model), seeded(one.generators[0]) if draws else nullcontext():
            return self._model(**words, **self._options)


def _caches(model: PreTrainedModel) -> bool:
    """Tell whether a forward pass may keep keys and values, and can be told not to.

    A layer that is computed anew would put its own behind those of the first time.
    """
    accepted = inspect.signature(model.forward).parameters
    handed_on = any(each.kind is each.VAR_KEYWORD for each in accepted.values())
    return "use_cache" in accepted or (handed_on and "past_key_values" in accepted)
