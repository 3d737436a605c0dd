"""Bad settings: every section of each params.yaml with values, keys and text that it must not have.

Values are drawn by hypothesis, and so is where they go. What is accepted is held against DVC: one
file must not have two meanings, so every setting is what DVC's own reader makes of the same text.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import hypothesis
import yaml
from dvc.utils.serialize import YAMLFileCorruptedError, parse_yaml
from hypothesis import HealthCheck, Phase

from checks.fuzz.edits import Edited, documents
from checks.fuzz.judge import ROOT, Made
from study.entry.sections import Section, load
from study.settings import whole
from study.studies.drift.settings import DRIFT
from study.studies.instruct.settings import whole as instruct
from study.studies.methods.settings import METHODS
from study.studies.stacking.settings import STACKING


def _of(section: Section) -> Callable[[], Any]:
    return lambda: getattr(load(section), section.name)


READERS: dict[str, Callable[[], Any]] = {
    "params.yaml": whole.load,
    "instruct/params.yaml": instruct.load,
    **{section.file: _of(section) for section in (METHODS, DRIFT, STACKING)},
}


@dataclass
class Settings:
    """Cases of settings."""

    name: str = "settings"

    def ready(self, cases: int, seed: int, folder: Path) -> None:
        """Draw all cases."""
        del folder
        sources = {file: yaml.safe_load((ROOT / file).read_text("utf-8")) for file in READERS}
        self._drawn = _drawn(sources, cases, seed)

    def make(self, number: int, folder: Path) -> Made:
        """Write one params.yaml; the others are not there."""
        edited = self._drawn[number]
        path = folder / edited.file
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(edited.content)
        in_folder = folder / "instruct" if edited.file.startswith("instruct/") else folder

        def run() -> Any:
            with contextlib.chdir(in_folder):
                return READERS[edited.file]()

        return Made(
            f"{edited.file} {edited.how}",
            run,
            ("params.yaml",),
            lambda found: _other_than_dvc(found, edited.content, edited.file),
        )


def _drawn(sources: Mapping[str, Any], cases: int, seed: int) -> list[Edited]:
    found: list[Edited] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=cases,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(documents(sources))
    def draw(edited: Edited) -> None:
        found.append(edited)

    draw()
    return [found[i % len(found)] for i in range(cases)]


def _other_than_dvc(found: Any, content: bytes, file: str) -> str | None:
    """Say which setting DVC reads otherwise; None for none."""
    try:
        theirs = parse_yaml(content.decode("utf-8"), file)
    except YAMLFileCorruptedError:
        return "accepted, but DVC refuses the file"
    return _other(found, theirs, "")


def _other(ours: Any, theirs: Any, key: str) -> str | None:
    if is_dataclass(ours):
        names = [field.name for field in fields(ours)]
        if not isinstance(theirs, Mapping) or set(names) != set(theirs):
            return f"{key}: accepted, but its keys are others"
        each = (_other(getattr(ours, n), theirs[n], f"{key}.{n}".lstrip(".")) for n in names)
        return next((wrong for wrong in each if wrong), None)
    return None if _same(ours, theirs) else f"{key}: accepted with another value than DVC reads"


def _same(ours: Any, theirs: Any) -> bool:
    """Whether a setting is what stands in the file, however kindly that was read."""
    if isinstance(ours, bool) or ours is None:
        return ours is theirs
    if isinstance(ours, float):
        if isinstance(theirs, bool) or not isinstance(theirs, int | float | str):
            return False
        return float(theirs) == ours or (ours != ours and float(theirs) != float(theirs))
    if not isinstance(ours, tuple):
        return type(ours) is type(theirs) and bool(ours == theirs)
    if isinstance(theirs, Mapping):  # columns and their values
        theirs = [list(pair) for pair in theirs.items()]
    elif ours and all(isinstance(one, tuple) for one in ours):
        return isinstance(theirs, str | list)
    theirs = theirs if isinstance(theirs, list) else [theirs]
    return len(ours) == len(theirs) and all(map(_same, ours, theirs))


KIND = Settings()
