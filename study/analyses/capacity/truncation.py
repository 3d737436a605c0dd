"""One matrix's update, cut down to any rank: plainly, and weighted by the layer's inputs."""

from __future__ import annotations

import torch
from torch import Tensor

from lora.spectra import SVD, truncate, truncate_weighted

KINDS = PLAIN, WEIGHTED = "truncated", "weighted"


class TruncatedUpdate:
    """The update D = W - W0 (out, in) of one matrix at every rank up to a largest one.

    `PLAIN` is the nearest matrix of a rank to D itself, U_r S_r V_r^T; `WEIGHTED` the one whose
    outputs are nearest to D's on the layer's inputs, U_r U_r^T D with U of D S^1/2 (both Eckart and
    Young 1936; see `lora.spectra`). The factors of a smaller rank are the first of a larger one's,
    so that a matrix is decomposed once.

    Args:
        pretrained: W0 (out, in), fp32.
        tuned: W (out, in), fp32.
        moment: S = E[x x^T] (in, in) of the layer's inputs; None weighs nothing.
        largest: rank that is asked for at the most.
    """

    def __init__(
        self, pretrained: Tensor, tuned: Tensor, moment: Tensor | None, largest: int
    ) -> None:
        self._pretrained, self._tuned = pretrained, tuned
        kept = min(largest, *tuned.shape)
        D = tuned.double() - pretrained.double()
        plain = truncate(SVD(*torch.linalg.svd(D, full_matrices=False)), kept)
        weighted = plain if moment is None else _weighted(D, moment.double(), kept)
        self._factors = {PLAIN: plain, WEIGHTED: weighted}

    def weight(self, kind: str, rank: int) -> Tensor:
        """Return W0 + B A (out, in), fp32, B A of this rank; from the full rank on W itself."""
        if rank >= min(self._tuned.shape):
            return self._tuned
        A, B = self._factors[kind]
        return (self._pretrained.double() + B[:, :rank] @ A[:rank]).float()


def _weighted(delta: Tensor, moment: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """Return what `lora.spectra.truncate_weighted` does, by the smaller problem.

    U are also the leading eigenvectors of D S D^T (out, out), which is far smaller than S where a
    layer narrows: no need to decompose a (3072, 3072) moment for BERT's 768 outputs.
    """
    if delta.shape[0] > delta.shape[1]:
        return truncate_weighted(delta, moment, rank)
    U = torch.linalg.eigh(delta @ moment @ delta.T).eigenvectors.flip(-1)[:, :rank]
    return U.T @ delta, U
