"""YAML as DVC reads it.

DVC reads params.yaml as YAML 1.2, PyYAML as YAML 1.1: there `1e-4` is a string, `no` is false,
`010` is eight and 12:30 is 750. One file must not have two meanings, so plain values are resolved
here as DVC's reader (ruamel.yaml) resolves them: by the core schema of YAML 1.2 (section 10.3.2 of
its specification), and numbers also with a sign before 0o and 0x, in base 2, and with underscores.
A key that stands twice is an error as it is in DVC.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from study.entry.errors import StudyError

# What PyYAML raises, and what it lets through: of values that are not what their tags say, of
# numbers with more digits than Python reads, of lists that stand too deep inside of each other.
_FAULTS = (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError, RecursionError)
_SHOWN = 1000  # characters of what it says


class CoreLoader(yaml.SafeLoader):
    """`yaml.SafeLoader` with the plain values of YAML 1.2."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Refuse a key that stands twice; PyYAML would let the last one win."""
        seen: set[str] = set()
        for key, _ in node.value:
            name = str(key.value)
            if name in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"the key {name!r} stands twice", problem_mark=key.start_mark
                )
            seen.add(name)
        return super().construct_mapping(node, deep)


_BASES = {"0b": 2, "0o": 8, "0x": 16}


def _integer(loader: CoreLoader, node: yaml.ScalarNode) -> int:
    digits = str(loader.construct_scalar(node)).replace("_", "")
    base = _BASES.get(digits.lstrip("-+")[:2], 10)
    return int(digits, base)


CoreLoader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    (
        "int",
        r"[-+]?(?:0b_*[01][01_]*|0o_*[0-7][0-7_]*|0x_*[0-9a-fA-F][0-9a-fA-F_]*|_*[0-9][0-9_]*)",
        "-+0123456789",
    ),
    (
        "float",
        r"[-+]?[0-9][0-9_]*(?:\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)"
        r"|[-+]?\._*[0-9][0-9_]*(?:[eE][-+][0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+0123456789.",
    ),
    ("merge", r"<<", "<"),
):
    CoreLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), list(_first)
    )
CoreLoader.add_constructor("tag:yaml.org,2002:int", _integer)


def scalar(text: str) -> str | int | float | bool:
    """Return what one plain value of YAML is: a number, true, false, or the text itself."""
    loader = CoreLoader("")
    tag = loader.resolve(yaml.ScalarNode, text, (True, False))
    if tag.rpartition(":")[2] not in ("bool", "int", "float"):
        return text
    value: int | float | bool = loader.construct_object(yaml.ScalarNode(tag, text))
    return value


def read_yaml(path: str | Path) -> object:
    """Parse a YAML file.

    Raises:
        StudyError: it cannot be read, is no YAML, or holds a value that none can be made of.
    """
    try:
        value: object = yaml.load(Path(path).read_text(encoding="utf-8"), Loader=CoreLoader)
    except OSError as error:
        raise StudyError(f"{path}: cannot be read ({error.strerror})") from error
    except _FAULTS as error:
        said = str(error)[:_SHOWN] or type(error).__name__
        raise StudyError(f"{path}: not a YAML file ({said})") from error
    return value
