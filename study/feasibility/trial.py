"""What a model is tried on: a handful of made-up sentences, an adapter and a head with numbers.

Everything is drawn from fixed seeds, so that the same model is tried in the same way every time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lora.config import LoRAConfig
from lora.inject import adapted_modules
from lora.layer import LoRALinear, unsupported
from lora.targets import layer_index
from study.batches import streams
from study.data.texts import Text
from study.data.tokenising import Tokenizer
from study.records.prepared import Split

RUNS = 2  # as many as it takes to see one change the other
_SHARES = (2.0, 0.0, 0.5, 0.25, 2.0, 0.125, 0.75)  # of the longest, before texts are cut
_FEW, _LONG = 4, 1024  # sentences, where they may be longer than so many tokens
MOST = len(_SHARES)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What one run gives.

    Attributes:
        outputs: (sentences, k).
        gradients: of every factor by its name, without a run axis.
    """

    outputs: Tensor
    gradients: Mapping[str, Tensor]


def sentences(tokenizer: Tokenizer, most: int = MOST, *, pairs: bool = False) -> Split:
    """Return random texts as the tokenizer makes them, of all lengths up to its longest.

    Args:
        most: how many.
        pairs: of two texts each, halves of one.

    Labels are the number of tokens of their second halves, one at least: a response's.
    """
    longest = tokenizer.max_length
    draw = streams.generator(0, "trial sentences")
    shares = _SHARES[: min(most, _FEW if longest > _LONG else MOST)]
    texts: list[Text] = []
    for share in shares:
        ids = torch.randint(tokenizer.vocabulary, (max(3, int(share * longest)),), generator=draw)
        texts.append(_halves(tokenizer, ids) if pairs else tokenizer.decode(ids.tolist()) or "a")
    tokens = tokenizer.encode(texts)
    rows = _rows(tokens.input_ids, tokens.lengths)
    types = None if tokens.token_types is None else _rows(tokens.token_types, tokens.lengths)
    kept = [i for i, row in enumerate(rows) if len(row) > 1]  # none predicts a first token
    used = [rows[i] for i in kept]
    used_types = None if types is None else [types[i] for i in kept]
    if max(map(len, rows)) < longest:  # this tokenizer does not give back the texts of its ids
        used.append(_drawn(rows[0], tokenizer, draw))
        if types is not None and used_types is not None:
            used_types.append(_typed(len(used[-1]), types[0]))
    lengths = torch.tensor([len(row) for row in used], dtype=torch.int32)
    all_types = None if used_types is None else torch.cat(used_types)
    return Split(torch.cat(used), lengths, lengths.long() // 2, all_types)


def _rows(tokens: Tensor, lengths: Tensor) -> Sequence[Tensor]:
    found: Sequence[Tensor] = tokens.split(lengths.tolist())
    return found


def _halves(tokenizer: Tokenizer, ids: Tensor) -> Text:
    """Return a pair of texts of unlike length, the second of two thirds of the ids."""
    first, second = ids[: len(ids) // 3], ids[len(ids) // 3 :]
    return tokenizer.decode(first.tolist()) or "a", tokenizer.decode(second.tolist()) or "b"


def _typed(length: int, like: Tensor) -> Tensor:
    """Return the token types of two texts of one length, of the kinds that another row has."""
    place = torch.arange(length)
    return torch.where(place < length // 2, like[0], like[-1])


def _drawn(like: Tensor, tokenizer: Tokenizer, draw: torch.Generator) -> Tensor:
    """Return ids of about the longest sentence, between the first and last of another's, int32."""
    ends = torch.tensor([int(like[0]), int(like[-1]), tokenizer.pad_token_id])
    ids = torch.randint(tokenizer.vocabulary, (tokenizer.max_length - 2,), generator=draw)
    inside = ids[~torch.isin(ids, ends)]
    return torch.cat([ends[:1], inside, ends[1:2]]).to(torch.int32)


def all_linear(model: nn.Module, base: str) -> tuple[str, ...]:
    """Return the names of the linear layers in a model's numbered layers, as far as LoRA goes."""
    return tuple(
        name
        for name, module in model.named_modules()
        if name.startswith(f"{base}.")
        and layer_index(name) is not None
        and hasattr(module, "weight")
        and unsupported(module) is None
    )


def config_like(config: LoRAConfig) -> LoRAConfig:
    """Return a small adapter of the same modules, without anything that draws."""
    return LoRAConfig(1, 2.0, config.target_modules, config.layers, task_type=config.task_type)


@torch.no_grad()
def set_factors(model: nn.Module, seeds: Mapping[int, int]) -> None:
    """Give adapters numbers: A and B of each run (key) from its seed, B none of them zero."""
    for name, layer in adapted_modules(model).items():
        for run, seed in seeds.items():
            _draw(layer, run, streams.generator(seed, f"trial {name}"))


def _draw(layer: LoRALinear, run: int, generator: torch.Generator) -> None:
    for factor in (layer.lora_A, layer.lora_B):
        drawn = torch.empty(factor[run].shape)
        deviation = factor.shape[-1] ** -0.5 / 2
        factor[run].copy_(drawn.normal_(0, deviation, generator=generator))


@torch.no_grad()
def set_head(weight: Tensor, bias: Tensor | None, name: str, seed: int) -> None:
    """Give a head's linear layer (out, in) numbers that make logits of the order of one."""
    generator = streams.generator(seed, f"trial head {name}")
    weight.copy_(
        torch.empty(weight.shape).normal_(0, weight.shape[-1] ** -0.5, generator=generator)
    )
    if bias is not None:
        bias.copy_(torch.empty(bias.shape).normal_(0, 0.1, generator=generator))


@contextmanager
def calls(model: nn.Module) -> Iterator[set[str]]:
    """Yield a set that collects the names of the adapted modules that are called in the `with`."""
    called: set[str] = set()
    hooks = [
        layer.register_forward_hook(lambda *_, name=name: called.add(name))
        for name, layer in adapted_modules(model).items()
    ]
    try:
        yield called
    finally:
        for hook in hooks:
            hook.remove()
