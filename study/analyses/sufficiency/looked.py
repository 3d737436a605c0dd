"""Verdicts of a study that was looked at several times: what a look told stands.

A study that goes on until it is told (`stages.answer`) is looked at after each block of seeds. Its
error rate is shared out over the looks that are planned, `statistics.looks`
(`study.statistics.looks`). Every earlier look is computed again from its own seeds: the record
follows from the runs and the settings, however often anybody stopped and went on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from study.analyses.sufficiency.verdicts import UNTOLD
from study.statistics.looks import ONCE, Look, looks_at


@dataclass(frozen=True)
class Seen:
    """A look: at how many seeds, and which of several it is."""

    num_seeds: int
    look: Look = ONCE


def seen(planned: Sequence[int] | None, num_blocks: int, seeds_per_block: int) -> list[Seen]:
    """Return the looks up to this one, which is the last.

    Args:
        planned: blocks at each look, ascending, `num_blocks` among them; None: one look, now.
    """
    if planned is None:
        return [Seen(num_blocks * seeds_per_block)]
    return [
        Seen(count * seeds_per_block, looks_at(planned, count))
        for count in planned
        if count <= num_blocks
    ]


def first_told(
    rows: Sequence[Sequence[dict[str, Any]]], looks: Sequence[Seen]
) -> list[dict[str, Any]]:
    """Return the last look's rows, each with the verdict of the first look that told.

    Where there were several looks, `told_with` is how many seeds that one had, None if none told.

    Args:
        rows: by look, alike; `verdict` and `reason`, if they have one, are taken from another look.
    """
    if len(looks) == 1:
        return list(rows[-1])
    found = []
    for of_looks in zip(*rows, strict=True):
        now: dict[str, Any] = of_looks[-1] | {"told_with": None}
        for row, one in zip(of_looks, looks, strict=True):
            if row["verdict"] != UNTOLD:
                taken = {key: row[key] for key in ("verdict", "reason") if key in row}
                now |= taken | {"told_with": one.num_seeds}
                break
        found.append(now)
    return found
