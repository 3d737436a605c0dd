"""What is asked of `--data`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Wanted:
    """Data, and what differences on it matter.

    Attributes:
        name: a file, a folder, a hub's id or package:PACKAGE/path/inside.
        text: one column, or two that are read as a pair; label: column.
        where: (column, value) of the rows that are read; empty: all.
        max_length: tokens, beyond which a text is cut.
        margin: points of the metric that would not matter; None: what the examples' kind has.
        confidence: of intervals.
    """

    name: str
    text: str | tuple[str, str] = "text"
    label: str = "label"
    split: str = "train"
    where: tuple[tuple[str, str], ...] = ()
    max_length: int = 128
    margin: float | None = None
    confidence: float = 0.95
