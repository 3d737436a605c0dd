"""Arms of ranks that a study trains no more, left beside those that it does."""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection
from pathlib import Path

# Where stage lora@RANK writes; each pattern's one group is the rank.
_PLACES = {
    "data/adapters": r"r(\d+)",
    "metrics/runs": r"lora-r(\d+)\.json",
    "metrics/logits": r"lora-r(\d+)\.safetensors",
    "metrics/machine": r"lora-r(\d+)\.json",
}


def prune(study: Path, ranks: Collection[int]) -> list[Path]:
    """Remove what ranks left that no stage writes with these settings, and return it.

    Args:
        study: the folder that data/ and metrics/ are in.
        ranks: that the settings name, lora.ranks.

    Returns:
        The files and folders that were there, as paths within the study, in order.
    """
    gone = []
    for folder, pattern in _PLACES.items():
        for place in sorted((study / folder).glob("*")):
            match = re.fullmatch(pattern, place.name)
            if match and int(match[1]) not in ranks:
                if place.is_dir() and not place.is_symlink():
                    shutil.rmtree(place)
                else:
                    place.unlink()
                gone.append(place.relative_to(study))
    return gone
