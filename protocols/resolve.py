"""What a protocol changes in params.yaml, as `dvc exp run` takes it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from study.entry.errors import StudyError
from study.entry.yaml_core import CoreLoader
from study.settings import whole as settings
from study.settings.whole import Settings

FOLDER = Path(__file__).parent


def names() -> list[str]:
    """Return the protocols that there are, by file name."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def changes(name: str) -> dict[str, Any]:
    """Return a protocol's settings by dotted key.

    Raises:
        StudyError: there is no such protocol.
    """
    if name not in names():
        raise StudyError(f"protocol: {name!r}; allowed: {', '.join(names())}")
    text = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    return dict(_leaves(yaml.load(text, Loader=CoreLoader)))


def resolve(name: str, params: Path) -> Settings:
    """Return the settings of a protocol: those of a file, with the protocol's changes.

    Raises:
        StudyError: there is no such protocol, or the file and the changes together are not right.
    """
    whole = yaml.load(params.read_text(encoding="utf-8"), Loader=CoreLoader)
    for key, value in changes(name).items():
        section, leaf = key.split(".")
        whole[section][leaf] = value
    return settings.parse(whole, f"protocols/{name}.yaml on {params.name}")


def arguments(name: str) -> list[str]:
    """Return a protocol's changes as arguments of `dvc exp run`.

    Values are written as JSON, which is also how Hydra's overrides write them.

    Raises:
        StudyError: there is no such protocol.
    """
    return [
        word
        for key, value in changes(name).items()
        for word in ("--set-param", f"{key}={json.dumps(value)}")
    ]


def _leaves(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, inner in value.items():
        if isinstance(inner, Mapping):
            yield from _leaves(inner, f"{prefix}{key}.")
        else:
            yield prefix + key, inner
