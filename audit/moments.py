"""Updates weighed by what comes into the layers: the cut whose outputs are nearest on real data.

The best M of rank r is the one with the least E |(M - D) x|^2: M = U_r U_r^T D, U the left singular
vectors of D S^1/2, S = E[x x^T] (`lora.spectra.truncate_weighted`). With D = s B A they are found
among (rank, rank) matrices:

    D S D^T = Q (s^2 R (A S A^T) R^T) Q^T,    B = Q R,

so that neither D nor a root of S is formed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from audit.directions import Decompose
from audit.merged import Merged
from audit.saved import Module
from lora.spectra import SVD

Moment = Tensor
"""E[x x^T] (in, in); of a table of embeddings its diagonal (in,), how often each token comes."""


def weighed(moments: Mapping[str, Moment]) -> Decompose:
    """Return what takes updates apart by their outputs on the inputs of these moments."""

    def decompose(module: Module, A: Tensor, B: Tensor) -> SVD:
        moment = moments.get(module.name)
        if moment is None:  # the model never calls it
            moment = torch.zeros(module.in_features)
        return weighed_svd(A, B, module.scaling, moment)

    return decompose


def weighed_svd(A: Tensor, B: Tensor, scaling: float, moment: Moment) -> SVD:
    """Return U (out, k), S (k,) and V (k, in) with U diag(S) V = s B A on what the inputs reach.

    S are the singular values of s B A S^1/2, so that `lora.spectra.truncate` of the result is the
    best update of a rank on such inputs. Rows of V are not orthogonal. Directions to which no input
    leads have S = 0 and V = 0.

    Args:
        A: (rank, in); B: (out, rank), fp64
    """
    moment = moment.double()
    seen = (A * moment if moment.ndim == 1 else A @ moment) @ A.T
    Q, R = torch.linalg.qr(B)
    squares, W = torch.linalg.eigh(scaling**2 * (R @ seen @ R.T))
    squares, W = squares.flip(0), W.flip(1)
    S = squares.clamp_min(0).sqrt()
    # What is 2^-24 of the first is rounding of the squares, of which nothing is known.
    S = torch.where(S.gt(2.0**-24 * S[0]), S, 0.0)
    V = scaling * (W.T @ R @ A)
    return SVD(Q @ W, S, torch.where(S > 0, 1 / S.clamp_min(1e-300), 0.0)[:, None] * V)


@torch.no_grad()
def moments(
    merged: Merged, run: Callable[[Any, Callable[[Tensor], None]], None]
) -> dict[str, Moment]:
    """Return E[x x^T] of every adapted module's inputs, over all tokens that are no padding.

    Args:
        run: calls the model on all batches; it tells each batch's mask (b, t) beforehand.
    """
    sums: dict[str, Tensor] = {}
    rows: dict[str, int] = {}
    mask = torch.ones(0)

    def told(of_batch: Tensor) -> None:
        nonlocal mask
        mask = of_batch.bool()

    def hook(name: str) -> Callable[..., None]:
        def see(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            table = isinstance(layer, nn.Embedding)
            x = inputs[0].unsqueeze(-1) if table else inputs[0]  # ids are (b, t)
            by_token = x.ndim == 3 and x.shape[:2] == mask.shape  # else a row a text, as in a head
            real = x[mask] if by_token else x.reshape(-1, x.shape[-1])
            if isinstance(layer, nn.Embedding):
                part = torch.bincount(real[:, 0], minlength=layer.num_embeddings).float()
            else:
                part = real.float().T @ real.float()
            sums[name] = sums[name] + part if name in sums else part
            rows[name] = rows.get(name, 0) + len(real)

        return see

    hooks = [layer.register_forward_pre_hook(hook(name)) for name, layer in merged.layers()]
    try:
        run(merged.model, told)
    finally:
        for handle in hooks:
            handle.remove()
    return {name: total / rows[name] for name, total in sums.items()}
