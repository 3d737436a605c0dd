"""PiSSA: factors that start as the principal part of the frozen weight, which keeps the rest.

    W0 = U S V^T       A = sqrt(S_r / s) V_r^T       B = U_r sqrt(S_r / s)       W_res = W0 - s B A

(Meng et al. 2024, arXiv 2404.02948, eq. 2 to 4, with PEFT's division by the scaling s.) The layer
computes W_res + s B A, at the start W0 again up to rounding: W_res is rounded to the weight's
dtype, and a trainer that computes in bf16 rounds A and B, which hold the largest part of W0.

What is learned is s (B A - B_0 A_0), of rank 2 r at the most, and is handed out as an ordinary
adapter of rank 2 r on W0 (`converted`, as PEFT's `path_initial_model_for_weight_conversion`).

s B_0 A_0 depends on the rank alone: runs of one rank share W_res, whatever their scalings.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from lora.config import LoRAConfig
from lora.layer import LoRALinear, in_four_bit, rows_of
from lora.principal import Factors, Principal


def reason_against(layer: LoRALinear) -> str | None:
    """Why PiSSA cannot start this layer's runs, or None when it can."""
    if in_four_bit(layer.base):
        return "PiSSA changes the base's weight, which cannot be done in four bit"
    if layer.columns is not None:
        return "PiSSA takes a weight apart whole: columns must be None"
    if len(set(layer.ranks)) > 1:
        return (
            f"PiSSA leaves another base at every rank: runs that train together share one rank, "
            f"got {sorted(set(layer.ranks))}"
        )
    limit = min(layer.in_features, layer.out_features) // 2
    if layer.ranks[0] > limit:
        return (
            f"rank {layer.ranks[0]}: what PiSSA learns is handed out with twice the rank, so that "
            f"a layer of {layer.in_features} inputs and {layer.out_features} outputs allows 1 to "
            f"{limit}"
        )
    if any(scaling <= 0 for scaling in layer.scalings):
        return f"scalings {list(layer.scalings)}: PiSSA needs scalings above 0"
    return None


@torch.no_grad()
def decompose(layer: LoRALinear) -> Principal:
    """Take the layer's weight apart; the layer stays as it is.

    The SVD is exact, in fp64 and on the CPU whatever the layer's device, and the largest element of
    every row of V^T is made positive: the same weight gives the same factors.

    Raises:
        ValueError: see `reason_against`; a weight that is not finite
    """
    reason = reason_against(layer)
    if reason:
        raise ValueError(reason)
    weight = layer.base.weight.detach()
    if not torch.isfinite(weight).all():
        raise ValueError("PiSSA needs a weight that is finite")
    rank = layer.ranks[0]
    U, S, Vh = torch.linalg.svd(rows_of(layer.base, weight).to("cpu", torch.float64), False)
    U, root, Vh = U[:, :rank], S[:rank].sqrt(), Vh[:rank]
    largest = Vh.gather(1, Vh.abs().argmax(dim=1, keepdim=True))  # (rank, 1)
    sign = torch.where(largest < 0, -1.0, 1.0)
    A, B = root[:, None] * sign * Vh, U * sign.T * root
    return Principal(weight.clone(), A.float(), B.float())


@torch.no_grad()
def begin(layer: LoRALinear, principal: Principal) -> None:
    """Put the principal part into every run's factors, and what is left into the base."""
    original = principal.original
    taken = principal.B.double() @ principal.A.double()  # (out, in)
    rest = rows_of(layer.base, original).to(taken) - taken
    layer.base.weight.copy_(rows_of(layer.base, rest))
    for run, scaling in enumerate(layer.scalings):
        A, B = principal.start(scaling)
        layer.lora_A[run].copy_(A)
        layer.lora_B[run].copy_(B)
    layer.principal = principal
    layer.reset_magnitude()


def converted(principal: Principal, A: Tensor, B: Tensor, scaling: float) -> Factors:
    """Factors on W0 of the same scaling whose product is B A - B_0 A_0, of twice the rank."""
    A_0, B_0 = principal.start(scaling)
    return torch.cat([A, A_0]), torch.cat([B, -B_0], dim=1)


def converted_config(config: LoRAConfig) -> LoRAConfig:
    """The settings of the adapter that `converted` makes: twice the rank, the same scaling."""
    more = math.sqrt(2) if config.use_rslora else 2
    ranks: Mapping[str, int] = {key: 2 * rank for key, rank in config.rank_pattern.items()}
    alphas = {key: more * alpha for key, alpha in config.alpha_pattern.items()}
    return replace(
        config,
        init="default",
        rank=2 * config.rank,
        alpha=more * config.alpha,
        rank_pattern=ranks,
        alpha_pattern=alphas,
    )
