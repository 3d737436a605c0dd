"""The lists `seeds` and `blocks`: one run per arm, learning rate and seed, in blocks of seeds.

`seeds` are the first block's; each further block has as many, and is trained by itself. A block is
what DVC trains or leaves: one that is added trains all arms at its seeds and nothing else, and one
that is taken away costs nothing. It trains at the learning rates that the first block's validation
picked, and leaves records and logits, which are in git, but no models.
"""

from __future__ import annotations

from collections.abc import Sequence

from study.entry.kinds import Blocks, Seeds
from study.entry.parser import Agreement
from study.entry.sections import Section

_LARGEST = 2**32 - 1  # seed that the generators take


def seeds_of(seeds: Sequence[int], block: int) -> tuple[int, ...]:
    """Return a block's seeds: those of the first one, block 0, moved up past each other.

    Of seeds 0, 1, 2 block 1 has 3, 4, 5.
    """
    span = max(seeds) - min(seeds) + 1
    return tuple(seed + block * span for seed in seeds)


def all_seeds(seeds: Sequence[int], blocks: Sequence[int]) -> tuple[int, ...]:
    """Return the seeds of the first block and of these."""
    return (*seeds, *(seed for block in blocks for seed in seeds_of(seeds, block)))


def _fit(seeds: Sequence[int], blocks: Sequence[int]) -> bool:
    return all(max(seeds_of(seeds, block)) <= _LARGEST for block in blocks)


AGREEMENTS = (Agreement(("seeds", "blocks"), _fit, f"seeds of all blocks up to {_LARGEST}"),)

SEEDS = Section("seeds", Seeds)
BLOCKS = Section("blocks", Blocks, AGREEMENTS)
