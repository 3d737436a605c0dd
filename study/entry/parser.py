"""Builds a frozen dataclass of settings from parsed YAML, and says all that is wrong at once.

Sections are nested dataclasses; every other field carries its rule in its type
(`study.entry.rules`).
"""

from __future__ import annotations

import dataclasses
import difflib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, get_type_hints

from study.entry.errors import StudyError
from study.entry.rules import Refused, Rule

T = TypeVar("T")
_MOST, _LONGEST = 20, 200  # unknown keys that are named, characters of a value that are shown
_WRITER = json.JSONEncoder(ensure_ascii=False, check_circular=False, default=str)


@dataclasses.dataclass(frozen=True)
class Agreement:
    """What several settings must satisfy together; `holds` takes their values in order."""

    keys: tuple[str, ...]
    holds: Callable[..., bool]
    allowed: str


def parse(settings: type[T], raw: object, agreements: Sequence[Agreement], origin: str) -> T:
    """Build `settings` from parsed YAML; `origin` names it in errors.

    Raises:
        StudyError: settings are unknown, missing or wrong; every one of them is named with its
            dotted key, its value and what is allowed.
    """
    parser = _Parser(leaves(settings))
    result = parser.section(settings, raw, "")
    errors = parser.errors + [
        _disagreement(agreement, parser.values)
        for agreement in agreements
        if not _agrees(agreement, parser.values)
    ]
    if errors:
        count = "1 wrong setting" if len(errors) == 1 else f"{len(errors)} wrong settings"
        raise StudyError("\n  ".join([f"{origin}: {count}", *errors]))
    assert isinstance(result, settings)
    return result


def leaves(section: type, prefix: str = "") -> tuple[str, ...]:
    """Return the dotted key of every setting, in the order of the fields."""
    keys: list[str] = []
    for name, hint in get_type_hints(section).items():
        nested = dataclasses.is_dataclass(hint)
        keys += leaves(hint, f"{prefix}{name}.") if nested else [prefix + name]
    return tuple(keys)


class _Parser:
    """Gathers what was read, by dotted key, and what was wrong."""

    def __init__(self, known: Sequence[str]) -> None:
        self.known = known
        self.values: dict[str, Any] = {}
        self.errors: list[str] = []

    def section(self, section: type, raw: object, prefix: str) -> object | None:
        """Build a section; None if anything in it is missing or wrong."""
        hints = get_type_hints(section, include_extras=True)
        if not isinstance(raw, Mapping):
            name = prefix.rstrip(".") or "the file"
            self.errors.append(f"{name}: {_show(raw)}; allowed: keys {', '.join(hints)}")
            return None
        unknown = [key for key in raw if key not in hints]
        self.errors += [self._unknown(key, prefix, list(hints)) for key in unknown[:_MOST]]
        if len(unknown) > _MOST:
            self.errors.append(f"{prefix}: {len(unknown) - _MOST} more unknown keys")
        fields = {name: self._field(hint, raw, prefix, name) for name, hint in hints.items()}
        # A field may be None, so whether one failed is told by what was read.
        complete = all(key in self.values for key in leaves(section, prefix))
        return section(**fields) if complete else None

    def _field(self, hint: Any, raw: Mapping[Any, object], prefix: str, name: str) -> Any:
        key = prefix + name
        nested = dataclasses.is_dataclass(hint)
        if name not in raw:
            allowed = f"keys {', '.join(get_type_hints(hint))}" if nested else _rule(hint).allowed
            self.errors.append(f"{key}: missing; allowed: {allowed}")
            return None
        if nested:
            return self.section(hint, raw[name], key + ".")
        try:
            self.values[key] = _rule(hint).read(raw[name])
        except Refused as refused:
            allowed = str(refused) or _rule(hint).allowed
            self.errors.append(f"{key}: {_show(raw[name])}; allowed: {allowed}")
            return None
        return self.values[key]

    def _unknown(self, key: object, prefix: str, beside: Sequence[str]) -> str:
        """Name an unknown key, and the one that was probably meant."""
        written = key if isinstance(key, str) and len(key) <= _LONGEST else _show(key)
        close = difflib.get_close_matches(written, beside, n=1, cutoff=0.7)
        near = [prefix + name for name in close]
        elsewhere = [leaf for leaf in self.known if leaf.rpartition(".")[2] == written]
        meant = near + elsewhere if prefix else elsewhere + near
        hint = f"did you mean {meant[0]}?" if meant else f"allowed: {', '.join(beside)}"
        return f"{prefix}{written}: unknown; {hint}"


def _rule(hint: Any) -> Rule:
    """Return the rule that a field's type carries."""
    rule = hint.__metadata__[0]
    assert isinstance(rule, Rule)
    return rule


def _agrees(agreement: Agreement, values: Mapping[str, Any]) -> bool:
    """Whether it holds; where one of its settings is wrong by itself, that was said."""
    if not all(key in values for key in agreement.keys):
        return True
    return agreement.holds(*(values[key] for key in agreement.keys))


def _disagreement(agreement: Agreement, values: Mapping[str, Any]) -> str:
    first, *others = (f"{key}: {_show(values[key])}" for key in agreement.keys)
    return f"{first} (with {', '.join(others)}); allowed: {agreement.allowed}"


def _show(value: object) -> str:
    """Write a value as YAML would, so that null is no None; a long or endless one is cut.

    Anchors let a short file stand for a value that is endless, or too long to be written out. So it
    is written piece by piece, and no further than is shown.
    """
    written = ""
    try:
        for piece in _WRITER.iterencode(value):
            written += piece
            if len(written) > _LONGEST:
                return f"{written[:_LONGEST]}..."
    except (TypeError, ValueError, RecursionError):  # keys that are no text; a number too long
        return f"{written[:_LONGEST]}... (no value that can be written)"
    return written
