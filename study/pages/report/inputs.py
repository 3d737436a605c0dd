"""All that the report reads: the records and pictures that the stages left, and the settings."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from study.entry.errors import StudyError
from study.pages.figures.catalogue import FIGURES
from study.pages.report.placed import RECORD as PLACEMENT
from study.records.json_file import read_json
from study.settings.whole import load

METRICS = (
    "summary",
    "data",
    "undertraining",
    "sufficient_rank",
    "capacity",
    "spectra",
    "rules_of_thumb",
    "agreement",
    "learning_rate",
    "cost",
    "theory_bound",
    "theory",
    "claims",
)
ROWS = ("rank_curve", "pareto", "dynamics")
PATHS = {
    **{name: f"metrics/{name}.json" for name in METRICS},
    **{name: f"plots/{name}.json" for name in ROWS},
}
PICTURES = {name: f"plots/{name}.svg" for name in FIGURES}
MACHINE = "metrics/machine"


@dataclass(frozen=True)
class Study:
    """A finished study.

    Attributes:
        settings: those of params.yaml, by section.
        records: what stands in the file of `PATHS`, by name.
        machine: what each stage measured on the machine it ran on, by the file's name; empty
            where no such file is.
        pictures: the SVG of every figure of `study.pages.figures.catalogue`, by name.
        placement: what placement/ found, of whatever study; None where it has not run.
    """

    settings: Mapping[str, Any]
    records: Mapping[str, Any]
    machine: Mapping[str, Any]
    pictures: Mapping[str, bytes]
    placement: Mapping[str, Any] | None = None

    def __getitem__(self, name: str) -> Any:
        return self.records[name]


def read_study(folder: str | Path, settings: Mapping[str, Any] | None = None) -> Study:
    """Read a study's files below `folder`; without settings, those of its params.yaml too.

    Raises:
        StudyError: a record is missing or is no JSON file, or a picture is missing; it is named.
    """
    folder = Path(folder)
    if settings is None:
        settings = dataclasses.asdict(load(folder / "params.yaml"))
    records = {name: _read(folder, path) for name, path in PATHS.items()}
    files = sorted((folder / MACHINE).glob("*.json"))
    machine = {path.stem: read_json(path) for path in files}
    pictures = {name: _read_picture(folder, path) for name, path in PICTURES.items()}
    placement = read_json(folder / PLACEMENT) if (folder / PLACEMENT).is_file() else None
    return Study(settings, records, machine, pictures, placement)


def _read(folder: Path, path: str) -> Any:
    try:
        return read_json(folder / path)
    except StudyError as error:
        raise StudyError(str(error).replace(str(folder / path), path)) from error


def _read_picture(folder: Path, path: str) -> bytes:
    try:
        return (folder / path).read_bytes()
    except FileNotFoundError as error:
        raise StudyError(f"{path}: no such file; run `dvc repro plot`") from error
