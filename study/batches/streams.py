"""One stream of random numbers for each purpose of each seed, apart from all others."""

from __future__ import annotations

import hashlib

import torch


def generator(
    seed: int, purpose: str, index: int = 0, device: torch.device | str = "cpu"
) -> torch.Generator:
    """Return the generator of one purpose ("head", "dropout", ...) of one seed.

    The words are hashed, because torch's CPU generator reads no more than the low 32 bits of its
    seed: seeds that are made by shifting coincide.

    Args:
        index: tells apart several streams of one purpose, such as those of the epochs.
    """
    digest = hashlib.sha256(f"{seed} {purpose} {index}".encode()).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest[:8], "little"))
