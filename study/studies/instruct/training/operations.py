"""How many floating-point operations the matrix products of a language model's training take."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModel, PreTrainedModel

from study.analyses.operations.flops import ONE_BY_ONE, Flops, fit, on_meta_or_cpu
from study.records.prepared import Split
from study.sources.configs import vocabulary, width

FROZEN, TRAINED = 4, 6
"""Operations of the output layer: 2 a weight and token forward, as many backward, and as many again
for its own gradient if it trains."""


def epoch_operations(
    model: PreTrainedModel, train: Split, adapt: Callable[[nn.Module], None], head: int
) -> int:
    """Count one run's forward and backward passes over the training pairs, packed.

    The decoder sees every token, the output layer response tokens alone. (Padded rows compute more:
    padding, and logits of every token. What shared beginnings and the last layer save is not taken
    off: it depends on which pairs meet in a batch.) See `study.analyses.operations.flops` for what
    counts.

    Args:
        model: whose configuration and output layer count; its weights are not looked at.
        train: whose labels are numbers of response tokens.
        adapt: changes a fresh decoder, all of which trains, into what is trained.
        head: of the output layer, `FROZEN` or `TRAINED`.
    """
    config = copy.deepcopy(model.config)
    config.use_cache = False

    def on(device: str) -> Flops:
        with torch.random.fork_rng(devices=[]), torch.device(device):
            decoder = AutoModel.from_config(config, **ONE_BY_ONE)
        if device == "meta" and any(parameter.ndim == 3 for parameter in decoder.parameters()):
            raise ValueError("experts: which tokens go to which one is told by values alone")
        adapt(decoder)

        def count(length: int) -> int:
            ids = torch.zeros(1, length, dtype=torch.int64, device=device)
            # A mask that is made already: making one would look at values, and there are none.
            made = torch.zeros(1, 1, length, length, device=device)
            words = {"attention_mask": made} if device == "meta" else {}
            with FlopCounterMode(display=False) as counter:
                decoder(input_ids=ids, **words).last_hidden_state.sum().backward()
            return int(counter.get_total_flops())

        return fit(count)

    lengths = train.lengths.double()
    body = on_meta_or_cpu(on).of(len(train), float(lengths.sum()), float((lengths**2).sum()))
    of_head: int = head * output_weights(model) * int(train.labels.sum())
    return int(body) + of_head


def output_weights(model: PreTrainedModel) -> int:
    """Return the numbers of the output layer's matrix.

    They are taken from the layer: of several stacks (BLT) it reads the last one's states, which a
    configuration tells in no common way. Without a layer that is known they are the usual ones.
    """
    weight = getattr(model.get_output_embeddings(), "weight", None)
    if isinstance(weight, Tensor):
        return weight.numel()
    return width(model.config) * (vocabulary(model.config) or 0)
