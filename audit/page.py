"""The audit as one page of HTML that opens offline, in the study's own dress."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from audit import words
from audit.picture import alternative, svg
from study.entry.errors import StudyError
from study.pages.report import html
from study.pages.report.html import Html

Record = dict[str, Any]
_STYLE = Path(html.__file__).parent / "template" / "report.css"
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def write_page(file: Path, record: Record) -> None:
    """Write the page: whole, or not at all.

    Raises:
        StudyError: it cannot be written.
    """
    part = file.with_name(f".{file.name}.part")
    try:
        part.write_text(page(record), encoding="utf-8")
        os.replace(part, file)
    except OSError as error:
        raise StudyError(f"--html: {file} cannot be written: {error}") from error


def page(record: Record) -> str:
    """Return the page's text."""
    title = f"Audit of {record['adapter']}"
    body = html.joined(_body(title, record))
    style = _STYLE.read_text(encoding="utf-8")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f"<title>{html.text(title)}</title>\n<style>\n{style}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _body(title: str, record: Record) -> list[Html | None]:
    parts: list[Html | None] = [
        Html(f"<h1>{html.text(title)}</h1>"),
        html.paragraph(f"**{words.first_sentence(record)}**"),
        html.paragraph(words.subject(record), "note"),
    ]
    if not record["zero"]:
        caption = "What each rank keeps, and which modules need how much of it."
        parts += [
            html.figure("energy", svg(record), caption, alternative(record)),
            _table("Energy by rank", words.energy_table(record)),
            _table("What carries the energy", words.carried_table(record)),
        ]
    if record.get("scores"):
        note = record["scores"]["note"]
        parts.append(_table("Scores", words.score_table(record), note, (0, 5)))
    if record.get("cut"):
        parts.append(html.paragraph(words.cut_sentence(record["cut"])))
    if not record["zero"]:
        parts.append(_table("By kind of module", words.module_table(record)))
        every = words.module_table(record, by_kind=False)
        parts.append(html.folded("Every module", _table("By module", every)))
    return [*parts, *(html.paragraph(note, "note") for note in words.notes(record))]


def _table(
    title: str, rows: list[list[str]], note: str | None = None, of_words: tuple[int, ...] = (0,)
) -> Html:
    return html.table(title, rows[0], rows[1:], note, of_words, long=True)
