"""What a language model writes itself to the held-out prompts: greedy, in batches, as ids.

transformers' own `generate` does it, of the model as transformers computes it. Prompts are padded
on the left. A model stops at an end token, or after as many tokens as the longest held-out response
has.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig, PreTrainedModel

from study.models.causal import load_causal
from study.records.prepared import Prepared, Split
from study.settings.train import TrainSettings
from study.training.machine import compute_dtype, device

_AT_ONCE = 32  # prompts of one batch


def load_generating(name: str, settings: TrainSettings, data: Prepared) -> PreTrainedModel:
    """Load a model that writes: with transformers' own attention, in the dtype of computing.

    Raises:
        StudyError: as `study.models.causal.load_causal`.
    """
    dtype = compute_dtype(settings)
    return load_causal(name, dtype, 0.0, data.max_length, "padded", data.pad_token_id)


@torch.no_grad()
def answers(
    model: PreTrainedModel, data: Prepared, settings: TrainSettings
) -> list[tuple[int, ...]]:
    """Return what a model answers to every held-out prompt, up to its end token, without it."""
    used = device(settings)
    model = model.to(used).eval()
    ends = end_tokens(model, data.train)
    # In place of the model's own, which may ask for sampling or penalties.
    model.generation_config = GenerationConfig(
        do_sample=False,
        num_beams=1,
        max_new_tokens=int(data.test.labels.max()),
        eos_token_id=ends,
        pad_token_id=data.pad_token_id,
    )
    written: list[tuple[int, ...]] = [()] * len(data.test)
    prompts = _prompts(data.test)
    order = sorted(range(len(prompts)), key=lambda pair: len(prompts[pair]))
    for start in range(0, len(order), _AT_ONCE):
        chosen = order[start : start + _AT_ONCE]
        width = max(len(prompts[pair]) for pair in chosen)
        ids = torch.full((len(chosen), width), data.pad_token_id)
        mask = torch.zeros_like(ids)
        for row, pair in enumerate(chosen):
            ids[row, width - len(prompts[pair]) :] = prompts[pair]
            mask[row, width - len(prompts[pair]) :] = 1
        generating: Any = model
        found = generating.generate(input_ids=ids.to(used), attention_mask=mask.to(used))
        for pair, row in zip(chosen, found[:, width:].tolist(), strict=True):
            written[pair] = _up_to(row, ends)
    return written


def responses(split: Split, ends: list[int]) -> list[tuple[int, ...]]:
    """Return every pair's response as it stands in the data, up to its end token, without it."""
    found = []
    for pair, length in enumerate(split.labels.tolist()):
        end = int(split.offsets[pair + 1])
        found.append(_up_to(split.input_ids[end - length : end].tolist(), ends))
    return found


def end_tokens(model: PreTrainedModel, train: Split) -> list[int]:
    """Return the ids that end a response: the model's own, and what most training responses end in.

    A chat template may close responses with another token than the model's.
    """
    own: Any = getattr(model.config.get_text_config(), "eos_token_id", None)
    found = [] if own is None else [own] if isinstance(own, int) else list(own)
    last = train.input_ids[train.offsets[1:] - 1].tolist()
    ((usual, _),) = Counter(last).most_common(1)
    return sorted({*found, usual})


def _prompts(split: Split) -> list[Tensor]:
    starts, ends = split.offsets[:-1], split.offsets[1:] - split.labels
    return [
        split.input_ids[int(start) : int(end)].long()
        for start, end in zip(starts, ends, strict=True)
    ]


def _up_to(ids: list[int], ends: list[int]) -> tuple[int, ...]:
    at = next((place for place, one in enumerate(ids) if one in ends), len(ids))
    return tuple(ids[:at])
