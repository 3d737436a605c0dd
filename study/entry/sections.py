"""Sections of params.yaml, and reading those that a stage asks for.

A stage names the sections that it reads, here by importing them and in dvc.yaml by file and key, so
that a new setting reaches the stages that read it and no others. `check` reads all of them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from study.entry import parser
from study.entry.parser import Agreement
from study.entry.yaml_core import read_yaml

PARAMS = "params.yaml"


@dataclasses.dataclass(frozen=True)
class Section:
    """A key of params.yaml, or a whole file of settings.

    Attributes:
        name: of the key, and of the field in the settings.
        kind: what its value is: a dataclass, or a type with a rule (`study.entry.kinds`).
        agreements: what its settings must satisfy together, by keys as the file has them.
        file: that it stands in, from the folder of the study; other than params.yaml, the section
            is the whole of it.
    """

    name: str
    kind: Any
    agreements: tuple[Agreement, ...] = ()
    file: str = PARAMS


def load(*sections: Section) -> Any:
    """Read and check these sections of the study's settings; what else the files hold is not read.

    Returns:
        A frozen object with these sections as fields and no others: a
        `study.settings.whole.Settings` to those that read no more of it.

    Raises:
        StudyError: a file cannot be read, or settings are unknown, missing or wrong; every one of
            them is named with its key, its value and what is allowed.
    """
    fields: dict[str, Any] = {}
    own = [section for section in sections if section.file != PARAMS]
    main = [section for section in sections if section.file == PARAMS]
    if main:
        raw = read_yaml(PARAMS)
        if isinstance(raw, Mapping):
            names = {section.name for section in main}
            raw = {key: value for key, value in raw.items() if key in names}
        fields |= read(main, raw, PARAMS)
    for section in own:
        kind, agreements = section.kind, section.agreements
        fields[section.name] = parser.parse(kind, read_yaml(section.file), agreements, section.file)
    return _object(sections)(**fields)


def read(sections: Iterable[Section], raw: object, origin: str) -> dict[str, Any]:
    """Turn parsed YAML, whose keys are these sections and no others, into their values by name.

    Raises:
        StudyError: as `load`; `origin` names the settings in it.
    """
    sections = tuple(sections)
    agreements = [agreement for section in sections for agreement in section.agreements]
    parsed = parser.parse(_object(sections), raw, agreements, origin)
    return {section.name: getattr(parsed, section.name) for section in sections}


def _object(sections: Iterable[Section]) -> type[Any]:
    rows = [(section.name, section.kind) for section in sections]
    return dataclasses.make_dataclass("Settings", rows, frozen=True, bases=(_Sent,))


class _Sent:
    """Lets settings travel to another process, which could not import a class made here."""

    def __reduce__(self) -> tuple[Any, ...]:
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}  # type: ignore[arg-type]
        return _received, (fields,)


def _received(fields: dict[str, Any]) -> Any:
    return dataclasses.make_dataclass("Settings", list(fields), frozen=True, bases=(_Sent,))(
        **fields
    )
