"""DoRA: the magnitude of each output's weights learned apart from their direction.

    W' = m (W0 + s B A) / |W0 + s B A|     (Liu et al. 2024, arXiv 2402.09353, eq. 5)

m (out,) and the norms are of rows, since W (out, in) holds an output's weights as a row. m starts
as the norm, so that W' = W0 at the start. The gradient takes the norm for a constant (section 4.3),
as in PEFT: those of A and B get the factor m / |W0 + s B A| and no other term.

An output whose weights are all zero keeps them: it has no direction.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


@torch.no_grad()
def row_norms(weight: Tensor, A: Tensor, B: Tensor, scalings: Sequence[float]) -> Tensor:
    """|W0 + s B A| of every run and output, (runs, out), in fp32 (fp64 for fp64 factors).

    Args:
        weight: W0 (out, in)
        A: (runs, rank, in)
        B: (runs, out, rank)
        scalings: s of each run
    """
    wide = torch.promote_types(A.dtype, torch.float32)
    weight, A, B = weight.to(wide), A.to(wide), B.to(wide)
    # Run by run: one (out, in) at a time, and a run's norms do not depend on its neighbours.
    return torch.stack(
        [
            torch.linalg.vector_norm(torch.addmm(weight, B[run], A[run], alpha=s), dim=1)
            for run, s in enumerate(scalings)
        ]
    )


def row_factors(magnitude: Tensor, norms: Tensor) -> Tensor:
    """m / |W0 + s B A|, (runs, out): what each row of W0 + s B A is multiplied by.

    Args:
        magnitude: m (runs, out)
        norms: as `row_norms` gives them
    """
    return magnitude / norms.clamp_min(torch.finfo(norms.dtype).tiny)


def rescale(y: Tensor, product: Tensor, factors: Tensor) -> Tensor:
    """y + (f - 1) product: y itself where every factor is 1, to the bit.

    Args:
        y: W0 x + bias + s B A drop(x), any shape whose elements are (runs, rows, out) in order
        product: (W0 + s B A) drop(x), without the bias, of the same shape
        factors: f (runs, out)
    """
    shape = (len(factors), -1, factors.shape[1])
    less = (factors - 1).to(y.dtype).unsqueeze(1)
    return torch.addcmul(y.reshape(shape), product.reshape(shape), less).view(y.shape)
