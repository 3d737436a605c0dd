"""What a base or data set is called: its id on the hub where it has one, and where it came from.

Metadata of a card hold ids that a reader of the hub can follow, or nothing.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from study.entry.errors import StudyError
from study.pages.selected.markdown import span
from study.sources.resolve import PACKAGE_PREFIX, Kind, display_name, resolve

_LOADED = re.compile(
    r"""(?:from_pretrained|SentenceTransformer)\(\s*["'](\w[\w.-]*/\w[\w.-]*)["']"""
)
_TITLE = re.compile(r"^# +(\S+) *$", re.MULTILINE)
_BUILDERS = {".csv": "csv", ".tsv": "csv", ".json": "json", ".jsonl": "json", ".parquet": "parquet"}


def hub_id(name: str, kind: Kind) -> str | None:
    """Return the hub id that the settings name, None for a package's or a local source."""
    try:
        return name if resolve(name, kind).path is None else None
    except StudyError:
        return None  # a local file that has gone since it was read


def id_in_card(card: str) -> str | None:
    """Return the hub id that a model's card gives the model itself, None if it gives none.

    The card must be sure of it: every line that loads a model names the same id, and the last part
    of that is the card's title.
    """
    found = set(_LOADED.findall(card))
    title = _TITLE.search(card)
    if len(found) != 1 or title is None:
        return None
    (name,) = found
    return str(name) if name.split("/")[1] == title.group(1) else None


def builder(name: str) -> str:
    """Return how `datasets.load_dataset` calls files of this kind: csv, json, parquet or arrow."""
    return _BUILDERS.get(PurePosixPath(name).suffix.lower(), "arrow")


def short_name(name: str) -> str:
    """Return a name for titles: a hub id, of a package the package's, of a path its last part."""
    if name.startswith(PACKAGE_PREFIX):
        return name.removeprefix(PACKAGE_PREFIX).partition("/")[0]
    return display_name(name)


def in_words(name: str, kind: Kind) -> str:
    """Say where a source came from, in Markdown."""
    if hub_id(name, kind) is not None:
        return f"{span(name)} on the Hugging Face hub"
    if name.startswith(PACKAGE_PREFIX):
        package, _, inside = name.removeprefix(PACKAGE_PREFIX).partition("/")
        of = f"of the Python package {span(package)}"
        return f"{span(inside)} {of}" if inside else f"package {span(package)}"
    return f"the local {'model' if kind == 'model' else 'source'} {span(display_name(name))}"
