"""Where models and data come from: an installed package, this disk, or a hub.

A name in the settings is one of

- `package:PACKAGE/path/inside`: a file or folder that an installed package carries;
- a path: one that exists, or that can be nothing else (it starts with `/ ./ ../ ~`, or ends in a
  data file's or a GGUF file's suffix);
- anything else: the id of a model or data set on the Hugging Face hub. Only then may a later call
  reach for the network; nothing here does.
"""

from __future__ import annotations

import importlib.util
import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from study.entry import workspace
from study.entry.errors import StudyError
from study.sources import pickles

Kind = Literal["model", "data"]

PACKAGE_PREFIX = "package:"
DATA_SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".parquet")
GGUF_SUFFIX = ".gguf"
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?")
_FORMS = "a Hugging Face hub id, a local path, or package:PACKAGE/path/inside"
_NO_HUB = "it is not there, and no hub is reached unless an id is given"


@dataclass(frozen=True)
class Source:
    """A name from the settings, and what it stands for.

    Attributes:
        name: as in the settings.
        path: absolute; None for what is on a hub.
        display_name: the same on every machine, so fit for reports and hashed files.
    """

    name: str
    path: Path | None
    display_name: str


def resolve(name: str, kind: Kind, key: str | None = None) -> Source:
    """Find what a name stands for, without importing a package or reaching for a network.

    Args:
        name: as in the settings.
        kind: what it is the name of.
        key: of the setting, for errors; model.name or data.name if not given.

    Raises:
        StudyError: the package, file or folder is not there or is nothing that `kind` can be read
            from, or the name can be none of the three; it says what was looked for.
    """
    key = key or f"{kind}.name"
    path = _path(name, key)
    if path is None:
        if not _HUB_ID.fullmatch(name):
            raise StudyError(f"{key}: {name!r} is no path here and no hub id; allowed: {_FORMS}")
        return Source(name, None, name)
    gguf = path.is_file() and path.suffix.lower() == GGUF_SUFFIX
    if kind == "model" and not gguf and not (path / "config.json").is_file():
        raise StudyError(f"{key}: {name!r}: looked for {path / 'config.json'}; {_NO_HUB}")
    if kind == "model":
        pickles.refuse(name, path, key)
    if kind == "data" and path.is_file() and path.suffix.lower() not in DATA_SUFFIXES:
        raise StudyError(
            f"{key}: {name!r} is a file of another type; "
            f"allowed: {' '.join(DATA_SUFFIXES)} or a folder"
        )
    return Source(name, path, display_name(name))


def resolve_model(name: str) -> str:
    """Return where a model is: an absolute path, of a folder or GGUF file, or a hub id.

    Raises:
        StudyError: as `resolve`.
    """
    source = resolve(name, "model")
    return source.name if source.path is None else str(source.path)


def pretrained(name: str) -> tuple[str, dict[str, str]]:
    """Return what `from_pretrained` takes: where to look, and options. A GGUF file is an option.

    Raises:
        StudyError: as `resolve`.
    """
    path = resolve_model(name)
    if path.lower().endswith(GGUF_SUFFIX) and os.path.isfile(path):
        return os.path.dirname(path), {"gguf_file": os.path.basename(path)}
    return path, {}


def display_name(name: str) -> str:
    """Return a name for reports and hashed files: of a local path, only its last part."""
    if name.startswith(PACKAGE_PREFIX) or not (_looks_local(name) or _here(name)):
        return name
    return os.path.basename(os.path.abspath(name))


def _path(name: str, key: str) -> Path | None:
    """Return the path that a name stands for, None if it is not one."""
    if name.startswith(PACKAGE_PREFIX):
        return _in_package(name, key)
    if (path := _here(name)) is not None:
        return path.resolve()
    _refuse_untracked(name, key)
    if _looks_local(name):
        looked = os.path.abspath(os.path.expanduser(name))
        raise StudyError(f"{key}: {name!r}: looked for {looked}; {_NO_HUB}")
    return None


def _refuse_untracked(name: str, key: str) -> None:
    """Refuse a relative path that is there in the user's workspace and not in DVC's copy of it."""
    home = workspace.original()
    if home is None or os.path.isabs(os.path.expanduser(name)) or not os.path.exists(home / name):
        return
    raise StudyError(
        f"{key}: {name!r} is not in this experiment: it runs in a copy (--temp, --queue) of what "
        f"git tracks; `git add {name}` first, or name it by its whole path, "
        f"{os.path.abspath(home / name)}"
    )


def _in_package(name: str, key: str) -> Path:
    package, _, inside = name.removeprefix(PACKAGE_PREFIX).partition("/")
    if not package.isidentifier() or ".." in PurePosixPath(inside).parts:
        raise StudyError(f"{key}: {name!r}; allowed: package:PACKAGE/path/inside")
    spec = importlib.util.find_spec(package)
    if spec is None or spec.submodule_search_locations is None:
        raise StudyError(f"{key}: {name!r}: looked for the package {package} here; {_NO_HUB}")
    paths = [Path(folder).absolute() / inside for folder in spec.submodule_search_locations]
    for path in paths:
        if path.exists():
            return path
    raise StudyError(f"{key}: {name!r}: looked for {' or '.join(map(str, paths))}; {_NO_HUB}")


def _here(name: str) -> Path | None:
    """Return the path that a name may be, home folder put in, if it exists."""
    path = os.path.expanduser(name)
    return Path(path) if os.path.exists(path) else None  # Path.exists raises on long names


def _looks_local(name: str) -> bool:
    start = name.startswith(("/", "./", "../", "~")) or name in (".", "..")
    return start or name.lower().endswith((*DATA_SUFFIXES, GGUF_SUFFIX))
