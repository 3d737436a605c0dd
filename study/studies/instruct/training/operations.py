"""How many floating-point operations the matrix products of a language model's training take."""

from __future__ import annotations

import copy

import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModel, PretrainedConfig

from lora.config import LoRAConfig
from lora.inject import inject
from study.analyses.operations.flops import fit
from study.records.prepared import Split


def epoch_operations(config: PretrainedConfig, adapter: LoRAConfig, train: Split) -> int:
    """Count one run's forward and backward passes over the training pairs, as computed here.

    The decoder sees every token; the frozen output layer, of 2 hidden * vocabulary operations
    forward and as many backward, response tokens alone. See `study.analyses.operations.flops` for
    what counts.

    Args:
        train: whose labels are numbers of response tokens.
    """
    config = copy.deepcopy(config)
    config.use_cache = False
    with torch.device("meta"):
        # "eager" calls its two products one by one, where the counter sees them.
        decoder = AutoModel.from_config(config, attn_implementation="eager")
    inject(decoder, adapter, torch.Generator())
    for name, parameter in decoder.named_parameters():
        parameter.requires_grad_(name.endswith((".lora_A", ".lora_B")))

    def count(length: int) -> int:
        ids = torch.zeros(1, length, dtype=torch.int64, device="meta")
        # A mask that is made already: making one would look at values, and there are none.
        mask = torch.zeros(1, 1, length, length, device="meta")
        with FlopCounterMode(display=False) as counter:
            decoder(input_ids=ids, attention_mask=mask).last_hidden_state.sum().backward()
        return int(counter.get_total_flops())

    lengths = train.lengths.double()
    body = fit(count).of(len(train), float(lengths.sum()), float((lengths**2).sum()))
    head: int = 4 * config.hidden_size * config.vocab_size * int(train.labels.sum())
    return int(body) + head
