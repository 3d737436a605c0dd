"""The table of verdicts by a sharper measure, beside those by the study's metric."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from study.pages.report.html import Html, Text, badge, table, text
from study.pages.report.numbers import signed
from study.words.phrases import margin

Record = Mapping[str, Any]

TITLE = "And by how sure the models are of the right class?"


def sharper(record: Record, measured: str) -> Html:
    """Return the verdict on every rank at every margin, by the probability of the right class.

    Args:
        record: `sharper` of `metrics/sufficient_rank.json`.
        measured: the study's metric in words, by which the verdicts beside these are.
    """
    tests = record["equivalence"]
    rows: list[list[Text]] = []
    for place, difference in enumerate(record["differences"]):
        told = text(signed(difference["difference"], 2))
        error = difference["standard_error"]
        if error is not None:
            told = Html(f'{told}<span class="interval">± {error:.2f}</span>')
        verdicts = [badge(test["ranks"][place]["verdict"]) for test in tests]
        rows.append([str(difference["rank"]), told, *verdicts])
    return table(
        TITLE,
        (
            "Rank",
            "Difference, points of probability",
            *(f"Within {margin(test['margin'])}" for test in tests),
        ),
        rows,
        note="A sharper measure, which answers another question: the mean probability that the "
        "models give the right class of a test sentence, after each run was made as sure as its "
        "validation sentences bear out. It throws less away than right and wrong do, so that fewer "
        f"seeds and sentences tell. Full fine-tuning: {100 * record['full']:.1f} %. Below each "
        "difference to it stands its standard error; verdicts are tested like those on "
        f"{measured}.",
        words=(0, *range(2, 2 + len(tests))),
    )
