"""Rules for settings: each reads one raw value, or refuses it and says what is allowed.

A rule stands in the type of the field that it guards, `rank: Annotated[int, whole(1)]`, so that a
setting's name, type and range are read in one place. Rules are kind about how a value was written
(`-S` writes 1 for 1.0, and `1e-4` may arrive as a string) and strict about what it means.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from study.entry.yaml_core import scalar

_LARGEST = 2**63 - 1  # that arrays and records hold


class Refused(Exception):
    """A rule does not take the value; its own words, or the rule's `allowed`, say what it takes."""


@dataclass(frozen=True)
class Rule:
    """What one setting may be.

    Attributes:
        allowed: words that end the sentence "allowed: ...".
        read: turns the raw value of the file into the setting's, or raises `Refused`.
    """

    allowed: str
    read: Callable[[object], Any]


def whole(minimum: int, maximum: int | None = None) -> Rule:
    """Whole numbers from `minimum` to `maximum`, both included; True is none."""
    limit = f"of at least {minimum}" if maximum is None else f"from {minimum} to {maximum}"

    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise Refused
        if value < minimum or (maximum is not None and value > maximum):
            raise Refused
        if value > _LARGEST:
            raise Refused(f"a whole number from {minimum} to {_LARGEST}")
        return value

    return Rule(f"a whole number {limit}", read)


def number(
    minimum: float | None = None,
    maximum: float | None = None,
    *,
    above: float | None = None,
    below: float | None = None,
) -> Rule:
    """Finite numbers within limits: `minimum` and `maximum` included, `above` and `below` not."""
    words = {"of at least": minimum, "above": above, "of at most": maximum, "below": below}
    limits = " and ".join(f"{word} {limit}" for word, limit in words.items() if limit is not None)

    def read(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise Refused
        try:
            result = float(value)
        except (ValueError, OverflowError) as error:
            raise Refused from error
        fits = (
            math.isfinite(result)
            and (minimum is None or result >= minimum)
            and (maximum is None or result <= maximum)
            and (above is None or result > above)
            and (below is None or result < below)
        )
        if not fits:
            raise Refused
        return result

    return Rule(f"a number {limits}".rstrip(), read)


def share() -> Rule:
    """A part of one thing, or several whole ones."""
    plain = number(0)

    def read(value: object) -> float:
        result: float = plain.read(value)
        if result > 1 and not result.is_integer():
            raise Refused
        return result

    return Rule("a number from 0 to 1, or a whole number above", read)


def words() -> Rule:
    """Text that is not empty."""

    def read(value: object) -> str:
        if not isinstance(value, str) or not value.strip():
            raise Refused
        return value

    return Rule("text that is not empty", read)


def flag() -> Rule:
    """True or false, and nothing that merely counts as one of them."""

    def read(value: object) -> bool:
        if not isinstance(value, bool):
            raise Refused
        return value

    return Rule("true or false", read)


def one_of(*choices: str) -> Rule:
    """One of a few words."""

    def read(value: object) -> str:
        if not isinstance(value, str) or value not in choices:
            raise Refused
        return value

    return Rule(" or ".join(choices), read)


def or_auto(rule: Rule) -> Rule:
    """What `rule` takes, or the word auto."""
    return Rule(
        f"auto, or {rule.allowed}", lambda value: "auto" if value == "auto" else rule.read(value)
    )


def optional(rule: Rule) -> Rule:
    """What `rule` takes, or null."""
    return Rule(
        f"{rule.allowed}, or null", lambda value: None if value is None else rule.read(value)
    )


def several(rule: Rule) -> Rule:
    """A list of at least one value that `rule` takes, no two of them equal; read as a tuple."""

    def read(value: object) -> tuple[Any, ...]:
        if not isinstance(value, list) or not value:
            raise Refused
        items = tuple(rule.read(item) for item in value)
        if len(set(items)) < len(items):
            raise Refused
        return items

    return Rule(f"a list, not empty and without duplicates, each item {rule.allowed}", read)


def several_or_none(rule: Rule) -> Rule:
    """What `several` takes, or an empty list; read as a tuple in both cases."""
    many = several(rule)

    def read(value: object) -> tuple[Any, ...]:
        items: tuple[Any, ...] = () if value == [] else many.read(value)
        return items

    return Rule(f"a list without duplicates, [] for none, each item {rule.allowed}", read)


def several_or_one(rule: Rule) -> Rule:
    """What `several` takes, or one value alone; read as a tuple in both cases."""
    many = several(rule)

    def read(value: object) -> tuple[Any, ...]:
        items: tuple[Any, ...] = many.read(value if isinstance(value, list) else [value])
        return items

    return Rule(f"{rule.allowed}, or {many.allowed}", read)


def one_or_two(rule: Rule) -> Rule:
    """What `rule` takes, or a list of two such values that differ; read as it is, or as a tuple."""
    many = several(rule)

    def read(value: object) -> Any:
        if not isinstance(value, list):
            return rule.read(value)
        items: tuple[Any, ...] = many.read(value)
        if len(items) != 2:
            raise Refused
        return items

    return Rule(f"{rule.allowed}, or a list of two of them that differ", read)


def columns() -> Rule:
    """Column names and the one value wanted in each; read as a tuple of pairs.

    A mapping, or COLUMN=VALUE as text, or a list of such texts. Text alone takes the place of a
    mapping in one `-S`: another mapping is merged into it, and a list is refused by DVC.
    """

    def read(value: object) -> tuple[tuple[str, str | int | float | bool], ...]:
        if isinstance(value, Mapping):
            pairs = list(value.items())
        elif isinstance(value, str):
            pairs = [_column(value)]
        elif isinstance(value, list) and value:
            pairs = [_column(item) for item in value]
        else:
            raise Refused
        for name, wanted in pairs:
            if not isinstance(name, str) or not isinstance(wanted, str | int | float | bool):
                raise Refused
        if len({name for name, _ in pairs}) < len(pairs):
            raise Refused  # no row has two values in one column
        return tuple(pairs)

    return Rule(
        "a mapping from column names to text, a number or true/false; COLUMN=VALUE; or a list of "
        "such texts, each of another column",
        read,
    )


def _column(item: object) -> tuple[str, object]:
    """Read COLUMN=VALUE: numbers and true/false as YAML has them, what is in quotes as text."""
    name, equals, written = item.partition("=") if isinstance(item, str) else ("", "", "")
    name, written = name.strip(), written.strip()
    if not name or not equals or not written:
        raise Refused
    if written[0] in "\"'" and written[-1] == written[0] and len(written) > 1:
        return name, written[1:-1]
    return name, scalar(written)
