"""Tables and claims as Markdown, for the pages that are written from records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from study.words.phrases import asked, significant


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, of_words: bool = False) -> str:
    """Return a table; columns behind the first are of numbers, unless all are `of_words`."""
    rule = [":--", *[":--" if of_words else "--:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *rows))


def picture(path: str, alternative: str, caption: str) -> str:
    """Return a picture with its caption below.

    Args:
        path: from the page's folder; alternative: for someone who cannot see it.
    """
    words = " ".join(alternative.split()).replace("[", "(").replace("]", ")")
    return f"![{words}]({path})\n\n{caption}"


def with_interval(cell: Mapping[str, Any], scale: float = 1.0, digits: int = 3) -> str:
    """Write mean [low, high], each times `scale`, with so many decimals; an open end as ?."""
    mean, low, high = (
        "?" if cell[key] is None else f"{scale * cell[key]:.{digits}f}"
        for key in ("mean", "low", "high")
    )
    return f"{mean} [{low}, {high}]"


def claims(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a list of claims, each with its verdict and what it rests on."""
    return "\n".join(_claim(row) for row in rows)


def _claim(row: Mapping[str, Any]) -> str:
    numbers = row["numbers"]
    words = [f"- *{row['claim']}* **{row['verdict'].capitalize()}.**"]
    if "tested" in numbers:
        ends = [numbers["value"], numbers["low"], numbers["high"]]
        value, low, high = ("?" if end is None else significant(end) for end in ends)
        tested = f"{numbers['tested']}? Measured: {value} [{low}, {high}]"
        if "p_rise" in numbers:
            rise, fall = (significant(numbers[key]) for key in ("p_rise", "p_fall"))
            words.append(f"{asked(numbers['why'])}.")
            words.append(f"By Page's trend test p is {rise} for a rise and {fall} for a fall.")
            words.append(f"Beside it, the largest and the smallest rank alone: is {tested}.")
        else:
            words += [f"{asked(numbers['why'])}.", f"What decides: is {tested}."]
            if "shown" in numbers:
                words.append(f"Tested one by one, {numbers['shown']} parts of the claim pass.")
    else:
        words.append(f"{asked(numbers['why'])}.")
    return " ".join(words)
