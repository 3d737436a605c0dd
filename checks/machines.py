"""Kinds of machine: whether two files of `metrics/machine/` tell of the same one.

On machines of one kind the same code gives the same bits; see `study.training.machine`, which
writes the files.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# What decides the bits of a result. A file from before `kernels` was recorded lacks it.
KIND = ("device", "device_type", "precision", "cpu_capability", "kernels", "threads", "versions")


def differences(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    """Return what tells two machines apart, in words; what one file lacks tells nothing.

    Args:
        ours, theirs: files of `metrics/machine/`, parsed.
    """
    found = []
    for key, (one, other) in _pairs(ours, theirs).items():
        if one is not None and other is not None and one != other:
            found += [f"{key} {word}" for word in _words(one, other)]
    return found


def unknown(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    """Return the keys of `KIND` that one of the files lacks, so that it cannot be told by them."""
    pairs = {key: (ours.get(key), theirs.get(key)) for key in KIND}
    return [key for key, pair in pairs.items() if None in pair and pair != (None, None)]


def _pairs(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    pairs = {key: (ours.get(key), theirs.get(key)) for key in KIND}
    # Python sums floats in another way from 3.12 on; a third number changes nothing.
    pairs["python"] = (_minor(ours.get("python")), _minor(theirs.get("python")))
    return pairs


def _minor(version: str | None) -> str | None:
    return None if version is None else ".".join(version.split(".")[:2])


def _words(one: Any, other: Any) -> list[str]:
    """What differs between two values: of mappings and lists, the part that does."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        keys = [key for key in {**one, **other} if one.get(key) != other.get(key)]
        return [f"{key} {word}" for key in keys for word in _words(one.get(key), other.get(key))]
    if isinstance(one, list) and isinstance(other, list):
        has = [str(item) for item in one if item not in other]
        lacks = [str(item) for item in other if item not in one]
        return [*(f"with {item}" for item in has), *(f"without {item}" for item in lacks)]
    return [f"{one} instead of {other}"]
