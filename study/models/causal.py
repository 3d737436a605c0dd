"""A pretrained causal language model that reads packed instruction–response pairs.

Hugging Face's own decoder does the work, one row of tokens a run; its output layer is applied where
a response token is predicted and nowhere else (`study.models.response_loss`), and so is its last
layer where beginnings are shared (`study.models.last_layer`). A model that was
loaded for padded rows computes its own logits of them (`study.models.padded`), of all tokens: some
families scale or cap them behind the output layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, PreTrainedModel

from study.batches.beginnings import pack_shared
from study.batches.packing import Batch, PackedBatch, pack
from study.entry.errors import StudyError
from study.models import last_layer, pretrained
from study.models.attention import Packing
from study.models.dropout import replace_dropout, use_generators
from study.models.objective import PackedModel
from study.models.padded import PaddedForward, in_order
from study.models.response_loss import ResponseLoss, TokenLosses, responses, row_losses
from study.records.prepared import Batching, Prepared, Split
from study.sources.configs import vocabulary

_KIND = "a causal language model"


class PackedCausalLM(PackedModel):
    """A causal language model of transformers, frozen but for adapters inside its decoder.

    Args:
        model: as `load_causal` gives it.
        seeds: of the runs, one row of a packed batch each.
    """

    objective = ResponseLoss()
    head_names = ()

    def __init__(self, model: PreTrainedModel, seeds: Sequence[int]) -> None:
        super().__init__()
        self.model = model
        self.runs = len(seeds)
        self._padded: PaddedForward | None = None
        if not pretrained.is_packed(model):
            separate = pretrained.batching_of(model) == "separate"
            self._padded = PaddedForward(model, self.runs, separate=separate)

    def forward(self, batch: Batch, generators: Sequence[torch.Generator] = ()) -> Tensor:
        """Return of every pair the summed loss of its response and its right tokens, (R, B, 2).

        Args:
            generators: of dropout, one per run; needed in training mode only.

        Raises:
            StudyError: the output layer is adapted, or trained.
        """
        assert isinstance(batch, PackedBatch)  # there are no features of a language model to feed
        if self._padded is not None:
            return self._padded_losses(self._padded, batch, generators)
        use_generators(self, generators, batch.row_tokens, batch.share)
        head = self.model.get_output_embeddings()
        if not isinstance(head, nn.Linear) or head.weight.requires_grad:
            raise StudyError("lora.target_modules: the output layer cannot be adapted here")
        at = responses(batch)
        rows = decoded(self.model, batch, generators).index_select(0, at.predictors)
        losses, right = TokenLosses.apply(rows, head.weight, head.bias, at.targets)
        outputs = losses.new_zeros(batch.labels.numel(), 2)
        outputs = outputs.index_add(0, at.pairs, torch.stack([losses, right.float()], dim=1))
        by_run: Tensor = outputs.view(*batch.labels.shape, 2)
        return by_run

    def _padded_losses(
        self, forward: PaddedForward, batch: PackedBatch, generators: Sequence[torch.Generator]
    ) -> Tensor:
        found = []
        for one in forward.passes(generators):
            rows = forward.rows(batch, one)
            labels = batch.labels if one.run is None else batch.labels[one.run : one.run + 1]
            losses = [
                row_losses(
                    forward(each, one).logits, each, labels.gather(1, each.columns).flatten()
                )
                for each in rows
            ]
            found.append(in_order(losses, rows))
        return torch.cat(found)


def load_causal_for(
    data: Prepared,
    name: str,
    dtype: torch.dtype,
    dropout: float = 0.0,
    device: torch.device | None = None,
) -> PreTrainedModel:
    """Load `model.name` for prepared pairs: their longest, their batching, their padding.

    Args:
        device: that it will compute on; None: a GPU if there is one.

    Raises:
        StudyError: as `load_causal`.
    """
    longest, pad = data.max_length, data.pad_token_id
    return load_causal(name, dtype, dropout, longest, data.batching, pad, device)


def decoded(
    model: PreTrainedModel, batch: PackedBatch, generators: Sequence[torch.Generator]
) -> Tensor:
    """Return the decoder's last hidden states, (R * N, hidden).

    Those of tokens that nobody asked for mean nothing where the model's last layer leaves them out.
    """
    with last_layer.asked_alone(model, batch.asked):
        hidden: Tensor = model.base_model(
            input_ids=batch.input_ids,
            position_ids=batch.position_ids,
            packing=Packing(batch.layout, generators),
            use_cache=False,
        ).last_hidden_state
    return hidden.reshape(-1, hidden.shape[-1])


def load_causal(
    name: str,
    dtype: torch.dtype,
    dropout: float,
    max_length: int,
    batching: Batching = "packed",
    pad_token_id: int | None = None,
    device: torch.device | None = None,
) -> PreTrainedModel:
    """Load `model.name` with our dropout, frozen, in evaluation mode.

    Args:
        name: as in the settings: a folder, a hub id or a GGUF file; see `study.sources.resolve`.
        dtype: of every weight.
        dropout: of hidden states and attention while training.
        max_length: the most tokens of a pair.
        batching: how it is to compute; `study.feasibility.batching` finds what it can.
        pad_token_id: of padded rows; None: its config's.
        device: that it will compute on; None: a GPU if there is one.

    Raises:
        StudyError: there is no such model, it is packed and no causal language model of a form that
            can be, or it has fewer positions than `max_length`.
    """
    model = pretrained.load(
        AutoModelForCausalLM, _KIND, name, dtype, dropout, batching, pad_token_id, device
    )
    pretrained.check_positions(model, name, max_length)
    replace_dropout(model)
    model = model.requires_grad_(False).eval()
    if pretrained.is_packed(model):
        _check_form(model, name)
    if batching == "shared":
        last_layer.set_picking(model, _may_pick(model))
    return model


@torch.no_grad()
def _check_form(model: PreTrainedModel, name: str) -> None:
    """Refuse a model that looks ahead, or whose logits are not its output layer of its decoder's
    states: some families scale or cap them in between.
    """
    ids = torch.arange(6, dtype=torch.int32) % (vocabulary(model.config) or 2)
    split = Split(ids, torch.tensor([6], dtype=torch.int32), torch.tensor([5]))
    batch = pack(split, [torch.tensor([0])], 0, blocks=1)
    states = decoded(model, batch, ())
    other = replace(batch, input_ids=batch.input_ids.clone())
    other.input_ids[0, 5] = 0
    if not _alike(decoded(model, other, ())[:5], states[:5]):
        raise pretrained.unreadable(name, _KIND, "its tokens see those that come after them")
    head = model.get_output_embeddings()
    logits = model(
        input_ids=batch.input_ids,
        position_ids=batch.position_ids,
        packing=Packing(batch.layout, ()),
        use_cache=False,
    ).logits[0]
    if not isinstance(head, nn.Linear) or not _alike(head(states), logits):
        raise pretrained.unknown_form(model, "output layer")


@torch.no_grad()
def _may_pick(model: PreTrainedModel) -> bool:
    """Whether the last layer gives the same states where it computes those that are asked for."""
    ids = torch.arange(10, dtype=torch.int32) % (vocabulary(model.config) or 2)
    split = Split(ids, torch.tensor([6, 4], dtype=torch.int32), torch.tensor([2, 2]))
    batch = pack_shared(split, [torch.tensor([0, 1])], 0, blocks=1)
    at = responses(batch).predictors
    states = decoded(model, batch, ())[at]
    last_layer.set_picking(model, True)
    try:
        return _alike(decoded(model, batch, ())[at], states)
    except (ValueError, TypeError, RuntimeError, AttributeError, LookupError):
        return False  # a layer of another form


def _alike(one: Tensor, other: Tensor) -> bool:
    """Whether two computations of the same numbers are equal to rounding.

    A mixture of experts multiplies by other numbers of rows when one token is another.
    """
    rounding = 16 * torch.finfo(one.dtype).eps
    return bool((one - other).abs().max() <= rounding * other.abs().max())
