"""The claims: each with its verdict, why, and the numbers that it rests on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from study.report.contents import titled
from study.report.html import Html, Text, badge, facts, folded, joined, paragraph, verdicts
from study.report.inputs import Study
from study.report.numbers import NOTHING, number
from study.words import capitalised, counted, listed, spelled

Record = Mapping[str, Any]

_VERDICTS = ("holds", "does not hold", "cannot be told")
_COUNTED = {  # one, many, and as a heading
    "holds": ("holds", "hold", "Hold"),
    "does not hold": ("does not hold", "do not hold", "Do not hold"),
    "cannot be told": ("cannot be told", "cannot be told", "Cannot be told"),
}


def claims(study: Study) -> Html:
    """Show every claim with its verdict and numbers, those that cannot be told folded away."""
    rows: Sequence[Record] = study["claims"]
    counts = Counter(row["verdict"] for row in rows)
    said = [
        f"{spelled(counts[verdict])} {_COUNTED[verdict][counts[verdict] != 1]}"
        for verdict in _VERDICTS
        if counts[verdict]
    ]
    groups = [
        folded(
            f"{_COUNTED[verdict][2]} ({counts[verdict]})",
            verdicts(_judged(row) for row in rows if row["verdict"] == verdict),
            opened=verdict != "cannot be told",
        )
        for verdict in _VERDICTS
        if counts[verdict]
    ]
    return titled(
        "claims",
        paragraph(
            f"Of {counted(len(rows), 'claim')} about LoRA, put to the numbers of this study, "
            f"{listed(said)}."
        ),
        *groups,
    )


def _judged(row: Record) -> tuple[Html, str, Html]:
    numbers = {name: value for name, value in row["numbers"].items() if name != "why"}
    why = row["numbers"].get("why")
    note = f"{capitalised(str(why)).rstrip('.')}. " if why else ""
    parts = [paragraph(f"{note}Source: {row['source']}.", "note")]
    if numbers:
        parts.append(folded("numbers", facts(_named(numbers), "numbers")))
    return badge(row["verdict"]), row["claim"], joined(parts)


def _named(numbers: Record) -> list[tuple[Text, Text]]:
    return [(_spaced(name), _value(value)) for name, value in numbers.items()]


def _spaced(name: str) -> str:
    return name.replace("_", " ")


def _value(value: Any) -> str:
    """Write a number, a word, a list or a mapping on one line."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return NOTHING
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return number(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{_spaced(str(key))}: {_value(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_value(item) for item in value)
    return str(value)
