"""What is done to bytes, to parsed JSON and to safetensors files, each drawn from a generator."""

from __future__ import annotations

import copy
import json
import math
import struct
from collections.abc import Sequence
from typing import Any

from numpy.random import Generator

# Values that stand nowhere in what the study writes.
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2**31, 2**63, -(2**64), 10**400, 0.5, -0.0, 1e308, 5e-324),
    *(math.nan, math.inf, -math.inf, "", " ", "1", "nan", "null", "../../up", "/etc/x", "a\0b"),
    *("x" * 3000, "é\u202e", [], {}, [[]], [None], [1, "a"], {"a": 1}, {"": {}}, [math.nan]),
)
_EMPTY = (b"", b" ", b"\n", b"\xef\xbb\xbf", b"\0" * 8)
_INSIDE = (b"\0", b'"', b"'", b"\xff", b"\xc3", b",", b"\n", b"\r", b"\t", b"{", b"]", b"\0" * 64)


def one(draw: Generator, choices: Sequence[Any]) -> Any:
    """Return one of several."""
    return choices[int(draw.integers(len(choices)))]


def damaged(draw: Generator, data: bytes) -> tuple[str, bytes]:
    """Return what was done to some bytes, and what they are then."""
    how = one(draw, ("cut", "cut end", "flipped", "inside", "doubled", "gone", "empty"))
    start, end = sorted(draw.integers(0, len(data) + 1, 2).tolist())
    if how == "empty":
        return how, one(draw, _EMPTY)
    if how == "cut":
        return how, data[:end]
    if how == "cut end":
        return how, data[: len(data) - int(draw.integers(1, 12))]
    if how == "flipped":
        changed = bytearray(data)
        for place in draw.integers(0, len(data), int(draw.integers(1, 6))).tolist():
            changed[place] ^= 1 << int(draw.integers(8))
        return how, bytes(changed)
    if how == "inside":
        return how, data[:start] + one(draw, _INSIDE) + data[start:]
    if how == "doubled":
        return how, data[:end] + data[start:end][:2000] + data[end:]
    return how, data[:start] + data[start + int(draw.integers(1, 40)) :]


def odd(draw: Generator) -> Any:
    """Return a value that does not belong there."""
    return copy.deepcopy(one(draw, ODD))


def damaged_json(draw: Generator, value: Any) -> tuple[str, bytes]:
    """Return what was done to a file of JSON, and its bytes."""
    how = one(draw, ("value", "value", "value", "gone", "extra", "length", "text", "bytes"))
    if how == "text":
        return _other_text(draw, value)
    if how == "bytes":
        done, data = damaged(draw, json.dumps(value).encode())
        return f"bytes {done}", data
    value = copy.deepcopy(value)
    holder, key = _place(draw, value)
    if how == "value":
        holder[key] = odd(draw)
    elif how == "gone":
        del holder[key]
    elif how == "extra" and isinstance(holder, dict):
        holder["unheard_of"] = odd(draw)
    elif isinstance(holder, list):
        holder.append(copy.deepcopy(holder[key]))
    else:
        holder[f"{key}_"] = holder.pop(key)
    return how, json.dumps(value).encode()


def _place(draw: Generator, value: Any) -> tuple[Any, Any]:
    """Return what holds a value somewhere below, and its key; higher ones are as likely as deep."""
    holder, key, inner = None, None, value
    while isinstance(inner, dict | list) and inner and (holder is None or draw.random() < 0.6):
        keys = list(inner) if isinstance(inner, dict) else list(range(len(inner)))
        holder, key = inner, one(draw, keys)
        inner = holder[key]
    return holder, key


def _other_text(draw: Generator, value: Any) -> tuple[str, bytes]:
    texts = {
        "not an object": json.dumps([value]),
        "a number": "3",
        "null": "null",
        "a word": '"word"',
        "long number": '{"seed": ' + "9" * 6000 + "}",
        "deep": "[" * 4000 + "]" * 4000,
        "deep objects": '{"a":' * 4000 + "1" + "}" * 4000,
        "key twice": json.dumps(value)[:-1] + ', "seed": 1, "seed": 2}',
        "half a character": '{"seed": "\\ud800"}',
        "comments": "// none\n" + json.dumps(value),
        "infinity": json.dumps(value).replace(": 1", ": Infinity", 1),
        "two files": json.dumps(value) * 2,
        "of another coding": json.dumps(value).encode("utf-16").decode("latin-1"),
    }
    how = one(draw, sorted(texts))
    return how, texts[how].encode("latin-1", "replace")


def damaged_tensors(draw: Generator, data: bytes) -> tuple[str, bytes]:
    """Return what was done to a safetensors file: its bytes, its header, or the header's length."""
    how = one(draw, ("bytes", "length", "header", "header", "header", "values"))
    size = int.from_bytes(data[:8], "little")
    header, rest = json.loads(data[8 : 8 + size]), data[8 + size :]
    if how == "bytes":
        done, changed = damaged(draw, data)
        return f"bytes {done}", changed
    if how == "length":
        lengths = (0, 1, size - 1, size + 1, 2**31, 2**40, 2**63, 2**64 - 1)
        return how, struct.pack("<Q", one(draw, lengths)) + data[8:]
    if how == "values":  # not finite, in the first or any tensor
        place = 4 * int(draw.integers(0, len(rest) // 4))
        value = one(draw, (math.nan, math.inf, -math.inf, 3e38))
        return how, data[: 8 + size] + rest[:place] + struct.pack("<f", value) + rest[place + 4 :]
    name = one(draw, [name for name in header if name != "__metadata__"])
    done = one(draw, ("field", "gone", "renamed", "extra", "dtype", "shape", "json"))
    if done == "gone":
        del header[name]
    elif done == "renamed":
        others = ("../up", "/abs", f"{name}.", f".{name}", name.upper(), "", "a\0b", "labels/x")
        header[one(draw, others)] = header.pop(name)
    elif done == "extra":
        header["unheard/of"] = dict(header[name])
    elif done == "dtype":
        kinds = ("F16", "BF16", "I32", "F64", "I64", "U8", "BOOL", "F8_E4M3", "C64", "X9", "")
        header[name]["dtype"] = one(draw, kinds)
    elif done == "shape":
        shape = header[name]["shape"]
        shapes: Sequence[Any] = (
            shape[::-1],
            [],
            [1, *shape],
            [-1],
            [2**62, 4],
            [math.prod(shape)],
            "2",
            [0],
        )
        header[name]["shape"] = one(draw, shapes)
    elif done == "field":
        fields = sorted(header[name])
        header[name][one(draw, fields)] = odd(draw)
    else:
        done, text = damaged_json(draw, header)
        return f"header {done}", struct.pack("<Q", len(text)) + text + rest
    text = json.dumps(header).encode()
    return f"header {done}", struct.pack("<Q", len(text)) + text + rest
