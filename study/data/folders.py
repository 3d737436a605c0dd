"""Which files of a folder are a split: as their names or its README say, all of one format."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import datasets

from study.entry.errors import StudyError
from study.sources.resolve import DATA_SUFFIXES

FORMATS = (("csv", (".csv", ".tsv")), ("json", (".json", ".jsonl")), ("parquet", (".parquet",)))
_ABOUT = ("dataset_infos.json", "dataset_info.json")  # that say what is in the data
_PACKED = (".gz", ".bz2", ".xz", ".zip", ".zst")


def builder_of(folder: Path, subset: str | None, cache: str, key: str, name: str) -> Any:
    """Return what `datasets` knows of a folder: its files by split, its columns if it says them.

    Args:
        key: of the setting that names it, and name: its value, for errors.

    Raises:
        StudyError: it holds files of several formats, and says not which are to be read: some would
            be left out.
        FileNotFoundError: no data files.
    """
    files = sorted(file for file in folder.rglob("*") if file.is_file() and _seen(file, folder))
    there = {form: next((f for f in files if format_of(f) == form), None) for form, _ in FORMATS}
    found = [file for file in there.values() if file is not None]
    packed = [f for f in files if f.suffix.lower() in _PACKED and format_of(f.with_suffix(""))]
    if packed and not found:
        raise StudyError(f"{key}: {name} holds {packed[0].name}; allowed: files that are unpacked")
    found += packed[:1]
    if not found:
        raise FileNotFoundError(f"no data files in {folder}")
    if len(found) > 1 and not _chosen(folder):
        places = [file.relative_to(folder).as_posix() for file in found]
        raise StudyError(
            f"{key}: {name} holds files of several formats ({', '.join(places)}); allowed: one "
            f"format in a folder, or one file: {key}={name}/{places[0]}"
        )
    return datasets.load_dataset_builder(str(folder), subset, cache_dir=cache)


def one_format(files: Sequence[str], key: str, name: str) -> list[Path]:
    """Return a split's files.

    Raises:
        StudyError: they are of several formats, or of none that is read here.
    """
    paths = [Path(file) for file in files]
    found = {format_of(path): path.name for path in paths}
    if len(found) > 1 or None in found:
        raise StudyError(
            f"{key}: {name} has for this split {', '.join(found.values())}; allowed: files of one "
            f"format, {' '.join(DATA_SUFFIXES)}, and fewer others, or the name of one file"
        )
    return paths


def format_of(file: Path) -> str | None:
    """Name a data file's format; None if it is none."""
    if file.name in _ABOUT:
        return None
    return next((form for form, endings in FORMATS if file.suffix.lower() in endings), None)


def known_split(splits: Mapping[str, Any] | Iterable[str], split: str, key: str, name: str) -> str:
    """Return a split that is there.

    Raises:
        StudyError: it is not.
    """
    if split not in splits:
        raise StudyError(
            f"{key}: {split!r} is not in {name}; allowed: {', '.join(str(one) for one in splits)}"
        )
    return split


def _seen(file: Path, folder: Path) -> bool:
    """Whether `datasets` looks at a file: at hidden ones it does not."""
    return not any(part.startswith((".", "__")) for part in file.relative_to(folder).parts)


def _chosen(folder: Path) -> bool:
    """Whether the folder's README says which files are to be read."""
    page = folder / "README.md"
    head = page.read_text(encoding="utf-8", errors="replace") if page.is_file() else ""
    return re.match(r"---\n(?:.*\n)*?configs:", head) is not None
