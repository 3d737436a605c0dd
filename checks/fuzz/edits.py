"""What is done to a file of settings: other values, keys, and text that is no settings at all.

Nothing here is harmful to a parser of YAML: what grows without end when it is written out is kept
small.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from hypothesis import strategies as st

_MARK = "place-of-the-text"
# Text in place of one value.
TEXTS = {
    "anchor on itself": "&a [*a]",
    "anchor on itself below": "&a {b: {c: *a}}",
    "anchor that is used": "[&a 1, *a]",
    "alias of nothing": "*nothing",
    "alias of aliases": "[&a [1, 1, 1], &b [*a, *a, *a], [*b, *b, *b]]",
    "merge key": "{<<: {rank: 3}}",
    "merge of a word": "{<<: word}",
    "merge of itself": "&m {<<: *m}",
    "two merges": "{<<: [{a: 1}, {b: 2}], c: 3}",
    "tag of a number": "!!int word",
    "tag of an empty number": '!!int ""',
    "tag of a fraction": "!!float word",
    "tag of a truth": "!!bool word",
    "tag of null": "!!null 3",
    "tag of a date": "!!timestamp 2026-99-99",
    "tag of no date": "!!timestamp word",
    "tag of bytes": "!!binary aGVsbG8=",
    "tag of bad bytes": "!!binary '%'",
    "tag of a set": "!!set {a, b}",
    "tag of pairs": "!!pairs [a: 1, a: 2]",
    "tag of an order": "!!omap [a: 1, b: 2]",
    "tag of text": "!!str 3",
    "tag of a list": "!!seq word",
    "tag of a mapping": "!!map [1]",
    "tag of Python": "!!python/object:os.path {}",
    "own tag": "!mine 3",
    "date": "2026-12-01",
    "time": "12:30:45",
    "octal of YAML 1.1": "0777",
    "octal": "0o17",
    "signed octal": "-0o17",
    "binary": "0b101",
    "underscores": "1_000",
    "hexadecimal": "0x1F",
    "signed hexadecimal": "+0x1F",
    "long hexadecimal": "0x" + "f" * 6000,
    "long number": "9" * 6000,
    "number above all": "1e999",
    "number below all": "-1e999",
    "smallest number": "1e-320",
    "point alone": ".",
    "not a number": ".nan",
    "infinity": "-.inf",
    "words of YAML 1.1": "yes",
    "half a character": '"\\uD800"',
    "null character": '"a\\0b"',
    "bell": '"a\\ab"',
    "direction": '"\\u202Etxt"',
    "spaces": '"   "',
    "empty": '""',
    "nothing": "",
    "block": "|\n    two\n    lines",
    "key of a list": "{[1, 2]: 3}",
    "key of a mapping": "{{a: 1}: 3}",
    "key of a date": "{!!timestamp 2026-12-01: 3}",
    "key of bytes": "{!!binary aGVsbG8=: 3}",
    "key of null": "{~: 3}",
    "key of a number": "{1.5: 3, true: 4}",
    "key that stands twice": "{a: 1, a: 2}",
    "deep list": "[" * 400 + "]" * 400,
    "deep list of all the stack": "[" * 6000 + "]" * 6000,
    "long text": "x" * 200_000,
    "long list": f"[{', '.join(map(str, range(5_000)))}]",
    "many keys": "{" + ", ".join(f"k{i}: {i}" for i in range(500)) + "}",
    "open list": "[1, 2",
    "open quote": '"abc',
    "percent": "%TAG",
    "at sign": "@word",
    "tab": "\t3",
}
_INSIDE = (
    *(b"", b"\0", b"\xff\xfe", b"\xc3", b"\x85", b"\t", b"\r", b": ", b"- "),
    *(b"{", b"]", b"'", b'"', b"#", b"&a ", b"*a "),
)
_WORDS = ("auto", "null", "true", "", " ", "-1", "1e-4", "nan", "inf", "1_000", "a" * 5000)
_PATHS = ("../..", "/", "~", "C:\\x", "package:os/..", "package:", "a\0b", "no/such/file.csv")


@dataclass(frozen=True)
class Edited:
    """A file of settings, and how it came to be."""

    file: str
    how: str
    content: bytes


def _values() -> st.SearchStrategy[Any]:
    wide = st.integers(-(10**400), 10**400)
    plain = (st.none(), st.booleans(), st.integers(-3, 40), wide, st.floats(), st.text(max_size=12))
    usual = (st.integers(0, 40), st.floats(0, 1), st.sampled_from(_WORDS), st.sampled_from(_PATHS))
    scalars = st.one_of(*plain, *usual)
    return st.recursive(
        scalars,
        lambda inner: st.one_of(
            st.lists(inner, max_size=4), st.dictionaries(scalars, inner, max_size=3)
        ),
        max_leaves=6,
    )


@st.composite
def documents(draw: st.DrawFn, sources: Mapping[str, Any]) -> Edited:
    """Draw a file of settings with something in it that ought not to be there."""
    file = draw(st.sampled_from(sorted(sources)))
    tree = copy.deepcopy(sources[file])
    how = draw(
        st.sampled_from(("value", "value", "value", "values", "text", "text", "keys", "cut"))
    )
    if how == "value":
        _set(tree, draw(_place(tree)), draw(_values()))
    elif how == "values":
        for place in draw(st.lists(_place(tree), min_size=2, max_size=6, unique=True)):
            _set(tree, place, draw(_values()))
    elif how == "text":
        name = draw(st.sampled_from(sorted(TEXTS)))
        _set(tree, draw(_place(tree)), _MARK)
        return Edited(file, name, _dump(tree).replace(_MARK, TEXTS[name]).encode())
    elif how == "keys":
        how = draw(st.sampled_from(("key gone", "key unknown", "key misspelt", "key twice")))
        if how == "key twice":
            again = draw(st.sampled_from(sorted(tree)))
            return Edited(file, how, f"{_dump(tree)}{again}: 1\n".encode())
        _rekey(tree, draw(_place(tree)), how, draw(_values()))
    content = _dump(tree).encode("utf-8", "surrogatepass")
    if how == "cut":
        return Edited(file, how, _torn(draw, content))
    return Edited(file, how, content)


def _place(tree: Any) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.sampled_from(sorted(_places(tree), key=str))


def _places(tree: Any, start: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value below the top, sections and items of lists too."""
    if not isinstance(tree, dict | list):
        return []
    found = []
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        found += [(*start, key), *_places(value, (*start, key))]
    return found


def _holder(tree: Any, place: tuple[Any, ...]) -> Any:
    """Return what holds a value; None where an edit before has taken it away."""
    for key in place[:-1]:
        try:
            tree = tree[key]
        except (KeyError, IndexError, TypeError):
            return None
    return tree if isinstance(tree, dict | list) else None


def _set(tree: Any, place: tuple[Any, ...], value: Any) -> None:
    holder = _holder(tree, place)
    key = place[-1]
    if isinstance(holder, dict) or (isinstance(key, int) and holder and key < len(holder)):
        holder[key] = value


def _rekey(tree: Any, place: tuple[Any, ...], how: str, value: Any) -> None:
    while not isinstance(place[-1], str):
        place = place[:-1]
    holder, key = _holder(tree, place), place[-1]
    if how == "key gone":
        del holder[key]
    elif how == "key misspelt":
        holder[key[1:] + key[:1]] = holder.pop(key)
    else:
        holder["unheard_of"] = value


def _torn(draw: st.DrawFn, content: bytes) -> bytes:
    """Cut a file, or put bytes into it."""
    place = draw(st.integers(0, len(content)))
    inside = draw(st.sampled_from(_INSIDE))
    rest = draw(st.sampled_from((b"", content[place:])))
    return content[:place] + inside + rest


def _dump(tree: Any) -> str:
    written: str = yaml.dump(tree, Dumper=yaml.CSafeDumper, sort_keys=False, width=10**9)
    return written
