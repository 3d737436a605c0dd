"""Singular values of one update, and the ranks that are read off them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from lora.spectra import effective_rank, energy, energy_rank, stable_rank

LARGEST = 64  # singular values of a full update that are kept
ZERO = "the update is zero: the pretrained weights were the best epoch's"


def spectrum(S: Tensor, base_norm: float, share: float, ranks: Sequence[int]) -> dict[str, Any]:
    """What a record says of singular values S, descending.

    - norm: Frobenius; relative_norm: of W0's.
    - energy_rank: the least rank that holds `share` of the squared norm; effective_rank and
      stable_rank: see `lora.spectra`.
    - energy: of the squared norm, the share that the first r hold, for each of `ranks` up to the
      number of singular values.
    - singular_values: the first `LARGEST`.

    A zero matrix has ranks None and a `reason`.

    Args:
        base_norm: |W0|_F
    """
    norm = float(S.norm())
    values: dict[str, Any] = {"norm": norm, "relative_norm": norm / base_norm}
    if norm == 0:
        nothing = {"energy_rank": None, "effective_rank": None, "stable_rank": None}
        return values | nothing | {"energy": {}, "singular_values": [], "reason": ZERO}
    return values | {
        "energy_rank": energy_rank(S, share),
        "effective_rank": effective_rank(S),
        "stable_rank": stable_rank(S),
        "energy": {str(rank): energy(S, rank) for rank in ranks if rank <= len(S)},
        "singular_values": S[:LARGEST].tolist(),
    }
