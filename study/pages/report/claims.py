"""The claims: each with its verdict, why, and the numbers that it rests on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from study.pages.report.contents import titled
from study.pages.report.html import NOTHING, Html, badge, folded, joined, paragraph, verdicts
from study.pages.report.inputs import Study
from study.pages.report.numbers import number, part
from study.pages.report.placed import judged
from study.words.phrases import asked, capitalised, counted, listed, spelled

Record = Mapping[str, Any]

_VERDICTS = ("holds", "does not hold", "cannot be told")
_COUNTED = {  # one, many, and as a heading
    "holds": ("holds", "hold", "Hold"),
    "does not hold": ("does not hold", "do not hold", "Do not hold"),
    "cannot be told": ("cannot be told", "cannot be told", "Cannot be told"),
}

_TEST = ("tested", "value", "low", "high", "level")
_HOW = ("over", "correction", "shown")
"""What a claim's numbers hold where a test decided, and how: see `study.claims.statements`."""

_OF_TESTS = ("p_", "correction", "standard_error")  # what names begin with that only a test needs
_P_VALUES = {f"p_{of}": f"p value for {of}" for of in ("equivalent", "worse", "better")}
_WRITTEN = {"is": "verdict on it", "lora": "LoRA", "mb": "MB", "flops": "FLOPs", "sd": "SD"}


def claims(study: Study) -> Html:
    """Show the claims that matter first, with verdicts and numbers; the others are folded away."""
    rows = judged(study.placement, study.records)
    counts = Counter(row["verdict"] for row in rows)
    said = [
        f"{spelled(counts[verdict])} {_COUNTED[verdict][counts[verdict] != 1]}"
        for verdict in _VERDICTS
        if counts[verdict]
    ]
    first = sorted((row for row in rows if "first" in row), key=lambda row: int(row["first"]))
    others = [row for row in rows if "first" not in row]
    left = Counter(row["verdict"] for row in others)
    groups = [
        folded(
            f"{'The others: ' if first else ''}{_COUNTED[verdict][2]} ({left[verdict]})",
            verdicts(_judged(row) for row in others if row["verdict"] == verdict),
        )
        for verdict in _VERDICTS
        if left[verdict]
    ]
    return titled(
        "claims",
        paragraph(
            f"Of {counted(len(rows), 'claim')} about LoRA, put to the numbers of this study, "
            f"{listed(said)}. “Cannot be told” means that these numbers leave it open, or that a "
            f"study like this one does not ask it; what would settle it stands beside it. Each "
            f"claim is tested by itself: of 40 that are tested, one may come out wrong by chance."
        ),
        paragraph(
            f"The {spelled(len(first))} that matter most to whoever picks a rank come first; "
            "the others are folded away, by verdict."
        )
        if first
        else None,
        verdicts(map(_judged, first)) if first else None,
        *groups,
    )


def _judged(row: Record) -> tuple[Html, str, Html]:
    """Return a claim's verdict, the claim, and why, with the numbers and where it stands."""
    numbers = dict(row["numbers"])
    why, decided_by = (str(numbers.pop(key, "")).rstrip(".") for key in ("why", "decided_by"))
    tested, how = _tested(numbers), _how(numbers)
    if tested:
        numbers = {key: value for key, value in numbers.items() if key not in (*_TEST, *_HOW)}
    of_tests = {key: value for key, value in numbers.items() if key.startswith(_OF_TESTS)}
    plain = {key: value for key, value in numbers.items() if key not in of_tests}
    told = [asked(why), tested, capitalised("; ".join(_written(plain)))]
    details = [how, capitalised("; ".join(_written(of_tests))), capitalised(decided_by)]
    return (
        badge(row["verdict"]),
        row["claim"],
        joined(
            [
                paragraph(_sentences(told), "note"),
                folded(
                    "Details and source",
                    paragraph(_sentences([*details, f"Source: {row['source']}"]), "note"),
                ),
            ]
        ),
    )


def _sentences(lines: Sequence[str]) -> str:
    return " ".join(line if line.endswith("?") else f"{line}." for line in lines if line)


def _tested(numbers: Record) -> str:
    """Write the question that decided, what was measured, and the interval that was tested."""
    if "tested" not in numbers:
        return ""
    ends = [numbers["low"], numbers["high"]]
    interval = "no interval"
    if None not in ends:
        level = f"{100 * numbers['level']:.4g} % interval"
        interval = f"{level}: {_value(ends[0])} to {_value(ends[1])}"
    return (
        f"What decides: is {numbers['tested']}? Measured: {_value(numbers['value'])} ({interval})"
    )


def _how(numbers: Record) -> str:
    """Write what the interval is over, and how several tests were reckoned with."""
    if "tested" not in numbers:
        return ""
    parts = [f"The interval is over {numbers['over']}"]
    if "correction" in numbers:
        parts.append(f"Correction for several tests: {numbers['correction']}")
    if "shown" in numbers:
        parts.append(f"Tested one by one, {numbers['shown']} parts of the claim pass")
    return ". ".join(parts)


def _written(numbers: Record) -> Iterator[str]:
    """Write each number after its name, with its interval where there is one."""
    for name, value in numbers.items():
        of = name.removesuffix("_low").removesuffix("_high")
        if of != name and of in numbers:
            continue
        ends = [numbers.get(f"{name}_{end}") for end in ("low", "high")]
        interval = "" if None in ends else f" ({_value(ends[0])} to {_value(ends[1])})"
        is_share = isinstance(value, float) and "share" in name.split("_")
        yield f"{_spaced(name)} {part(value) if is_share else _value(value)}{interval}"


def _spaced(name: str) -> str:
    if name in _P_VALUES:
        return _P_VALUES[name]
    return " ".join(_WRITTEN.get(word, word) for word in name.split("_"))


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
