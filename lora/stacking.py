"""Adapters of one base stacked into one adapter, with weights, whole or in some modules alone.

    sum_i w_i s_i B_i A_i       exact: the ranks add up (`lora.adapter.combine`; PEFT's "cat")
    [sum_i w_i s_i B_i A_i]_r   cut down to rank r, the nearest update of that rank (PEFT's "svd")

The sum runs over the adapters that take part in a module. Heads stand beside the updates and are
not added: one is kept, or their mean by the same weights is taken.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lora.adapter import Adapter, combine
from lora.spectra import svd_of_product, truncate
from lora.targets import layer_index, suffix_matches

LOWER, UPPER = "lower", "upper"
_SHOWN = 4


@dataclass(frozen=True)
class Part:
    """An adapter as it takes part in a stack.

    Attributes:
        name: of the adapter, for people
        weight: w, of either sign
        modules: names of the modules in which it takes part, None for all that it adapts
        labels: names of its head's classes, None if they are not known
    """

    name: str
    adapter: Adapter
    weight: float = 1.0
    modules: Collection[str] | None = None
    labels: Sequence[str] | None = None


def stack(parts: Sequence[Part], head_of: int | None = None, rank: int | None = None) -> Adapter:
    """Return the adapter whose update is the weighted sum of the parts'.

    Args:
        parts: two or more
        head_of: index of the part whose head is kept; None for the mean, weighted
        rank: to cut every module's sum down to; None for the exact sum

    Raises:
        ValueError: parts that do not fit together; everything that is wrong is said at once
    """
    problems = list(conflicts(parts))
    if problems:
        names = " and ".join(repr(part.name) for part in parts)
        raise ValueError(f"the adapters {names} cannot be stacked: {'; '.join(problems)}")
    if head_of is not None and not 0 <= head_of < len(parts):
        raise ValueError(f"head_of {head_of}: 0 to {len(parts) - 1}")
    head = mean_head(parts) if head_of is None else parts[head_of].adapter.head
    chosen = [(replace(only(part), head={}), part.weight) for part in parts]
    return truncated(replace(combine(chosen), head=head), rank)


def conflicts(parts: Sequence[Part]) -> Iterator[str]:
    """Say in what the parts do not fit together: each against the first."""
    if len(parts) < 2:
        yield f"{len(parts)} given, at least 2 are needed"
        return
    names = [part.name for part in parts]
    for name in dict.fromkeys(name for name in names if names.count(name) > 1):
        yield f"{names.count(name)} have the same name, {name!r}"
    for part in parts:
        yield from _own_problems(part)
    first = parts[0].adapter
    for part in parts[1:]:
        other = part.adapter
        bases = first.config.base_model_name, other.config.base_model_name
        if bases[0] != bases[1]:
            yield f"other base models, {bases[0]!r} and {bases[1]!r}"
        apart = sorted(first.factors.keys() ^ other.factors.keys())
        if apart:
            yield f"only one of them adapts {_listed(apart)}"
        for name in first.factors.keys() & other.factors.keys():
            shapes = _shape(first, name), _shape(other, name)
            if shapes[0] != shapes[1]:
                yield f"other shapes (out, in) at {name}, {shapes[0]} and {shapes[1]}"
                break
        heads = [{n: tuple(x.shape) for n, x in a.head.items()} for a in (first, other)]
        unlike = sorted(n for n in heads[0] | heads[1] if heads[0].get(n) != heads[1].get(n))
        if unlike:
            name = unlike[0]
            yield f"other heads: {name} is {heads[0].get(name)} and {heads[1].get(name)}"
        labels = parts[0].labels, part.labels
        if None not in labels and tuple(labels[0] or ()) != tuple(labels[1] or ()):
            yield f"other classes, {list(labels[0] or ())} and {list(labels[1] or ())}"


def _own_problems(part: Part) -> Iterator[str]:
    if not math.isfinite(part.weight):
        yield f"the weight of {part.name!r} is {part.weight}: a finite number is needed"
    if part.adapter.config.use_dora:
        yield f"{part.name!r} is DoRA's, whose updates are no products of factors"
    if part.modules is not None:
        unknown = sorted(set(part.modules) - part.adapter.factors.keys())
        if unknown or not part.modules:
            yield f"{part.name!r} does not adapt {_listed(unknown) or 'any chosen module'}"


def only(part: Part) -> Adapter:
    """Return a part's adapter in its modules alone, with its head."""
    if part.modules is None:
        return part.adapter
    factors = {n: pair for n, pair in part.adapter.factors.items() if n in part.modules}
    config = replace(part.adapter.config, target_modules=tuple(factors), layers=None)
    return replace(part.adapter, config=config, factors=factors)


def selected(names: Sequence[str], selection: str) -> frozenset[str]:
    """Return the modules that a selection names.

    Args:
        names: of the adapted modules
        selection: the last components of names, or `LOWER` or `UPPER` for that half of the layers
            that are adapted (of an odd number the middle one is lower)

    Raises:
        ValueError: nothing is selected
    """
    layers = sorted({i for i in map(layer_index, names) if i is not None})
    half = (len(layers) + 1) // 2
    halves = {LOWER: layers[:half], UPPER: layers[half:]}
    if selection in halves:
        chosen = frozenset(name for name in names if layer_index(name) in halves[selection])
    else:
        chosen = frozenset(name for name in names if suffix_matches(selection, name))
    if not chosen:
        last = sorted({name.rsplit(".", 1)[-1] for name in names})
        raise ValueError(
            f"{selection!r} selects none of the adapted modules; allowed: {', '.join(last)}, "
            f"{LOWER}, {UPPER}, in {len(layers)} adapted layers"
        )
    return chosen


def mean_head(parts: Sequence[Part]) -> Mapping[str, Tensor]:
    """Return sum_i w_i H_i / sum_i w_i of heads of one form.

    Raises:
        ValueError: weights that add up to 0
    """
    total = sum(part.weight for part in parts)
    if total == 0:
        weights = [part.weight for part in parts]
        raise ValueError(f"weights {weights}: they add up to 0, so that heads have no mean")
    return {
        name: torch.stack([part.weight / total * part.adapter.head[name] for part in parts]).sum(0)
        for name in parts[0].adapter.head
    }


def truncated(adapter: Adapter, rank: int | None = None) -> Adapter:
    """Return the adapter whose every update is the nearest of this rank; its scaling is 1.

    A module of this rank or a smaller one stays as it is; if all do, so does the adapter. Of DoRA
    the update s B A within the direction is cut, and the magnitudes are kept.

    Args:
        rank: None for as many as an update of the module's shape can have: the same update
    """
    ranks = {}
    for name, (A, B) in adapter.factors.items():
        full = min(len(A), A.shape[1], len(B))
        ranks[name] = full if rank is None else min(rank, full)
    if all(own == len(adapter.factors[name][0]) for name, own in ranks.items()):
        return adapter
    factors = {}
    for name, (A, B) in adapter.factors.items():
        less = truncate(svd_of_product(A, B, adapter.config.scaling_of(name)), ranks[name])
        factors[name] = (less[0].float(), less[1].float())
    most = max(ranks.values())
    other = {name: own for name, own in ranks.items() if own != most}
    config = replace(
        adapter.config,
        rank=most,
        alpha=float(most),
        use_rslora=False,
        rank_pattern=other,
        alpha_pattern={name: float(own) for name, own in other.items()},
    )
    return replace(adapter, config=config, factors=factors)


def _shape(adapter: Adapter, name: str) -> tuple[int, int]:
    A, B = adapter.factors[name]
    return B.shape[0], A.shape[1]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
