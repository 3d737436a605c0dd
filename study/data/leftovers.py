"""Arms that were trained on other data, left where those of the new data will stand.

DVC replaces what the stages of today's settings write. A rank that was trained on the data before
and is no longer in `lora.ranks` would stay beside them, as if it belonged to the new data.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Collection
from pathlib import Path

from study.entry.errors import StudyError
from study.records.prepared import Prepared
from study.records.runs import ArmRecord, read_arm
from study.words.phrases import listed

# Where stage lora@RANK writes; each pattern's one group is the rank.
_PLACES = {
    "data/adapters": r"r(\d+)",
    "metrics/runs": r"lora-r(\d+)\.json",
    "metrics/logits": r"lora-r(\d+)\.safetensors",
    "metrics/machine": r"lora-r(\d+)\.json",
}
_RANK = re.compile(r"r(\d+)(\.\w+)?$")  # of all of them
_BLOCK = re.compile(r"-b\d+\.\w+$")
_LAST = "data/prepared.sha256"  # of the data that arms were last trained on; no stage reads it


def clear(study: Path, data: Prepared, folder: str | Path) -> list[Path]:
    """Remove the arms of other data, and remember this one's.

    Args:
        study: the folder that data/ and metrics/ are in.
        data: that was prepared now; folder: where it is saved, from the study.

    Returns:
        The files and folders that were removed, as paths within the study, in order.
    """
    digest = hashlib.sha256()
    for path in sorted((study / folder).iterdir()):
        digest.update(path.read_bytes())
    note = study / _LAST
    last = note.read_text(encoding="utf-8") if note.exists() else None
    # A clone brings records and no note: then the test sentences tell.
    kept = _of_this_data(study, data) if last is None else ()
    gone = []
    if last != digest.hexdigest():
        gone = [*prune(study, kept), *_blocks_of_other_data(study, data)]
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(digest.hexdigest(), encoding="utf-8")
    return gone


def prune(study: Path, ranks: Collection[int]) -> list[Path]:
    """Remove what all ranks but these left, and return it as `clear` does."""
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


def _blocks_of_other_data(study: Path, data: Prepared) -> list[Path]:
    """Remove what further blocks of seeds left, of any arm, if they were tested on other data."""
    gone = []
    for path in sorted((study / "metrics/blocks/runs").glob("*.json")):
        if _record(path, data) is None:
            for place in (
                path,
                study / f"metrics/blocks/logits/{path.stem}.safetensors",
                study / f"metrics/machine/{path.name}",
            ):
                if place.exists():
                    place.unlink()
                    gone.append(place.relative_to(study))
    return gone


def told(gone: Collection[Path]) -> str:
    """Say what `clear` removed, in one line however many files it had."""
    ranks = sorted({int(found[1]) for path in gone if (found := _RANK.search(path.name))})
    parts = []
    if ranks:
        of = "rank" if len(ranks) == 1 else "ranks"
        parts.append(f"LoRA's runs on other data, of {of} {listed(ranks)}")
    if any(_BLOCK.search(path.name) for path in gone):
        parts.append("runs of further blocks of seeds on other data")
    return f"removed {listed(parts)}"


def _of_this_data(study: Path, data: Prepared) -> set[int]:
    """Return the ranks whose record was tested on these sentences' labels and classes."""
    found = set()
    for path in (study / "metrics/runs").glob("lora-r*.json"):
        record = _record(path, data)
        if record is not None and record.rank is not None:
            found.add(record.rank)
    return found


def _record(path: Path, data: Prepared) -> ArmRecord | None:
    """Return an arm's record, None if it is none or was tested on other labels or classes."""
    try:
        record = read_arm(path)
    except StudyError:
        return None
    same = (tuple(data.test.labels.tolist()), data.label_names)
    return record if (record.test_labels, record.label_names) == same else None
