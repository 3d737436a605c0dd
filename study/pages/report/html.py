"""The few building blocks of the page: paragraphs, tables, badges, figures, sections.

What comes in is plain text and is escaped here, or is `Html` already and is left alone.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable, Sequence
from typing import TypeAlias

_NARROW = re.compile(r"(?<=\d) (?=%|points?\b|seeds?\b|GiB\b|MiB\b|KiB\b|ms\b|s\b)")
_APOSTROPHE = re.compile(r"(?<=\w)'(?=\w|\s)")
_MINUS = re.compile(r"(?<![\w.,)\]])-(?=\d)")
_STRONG = re.compile(r"\*\*(.+?)\*\*")
_CODE = re.compile(r"`(.+?)`")
_HELD = "\0"  # in place of code; no text has it

NOTHING = "–"  # stands in a cell where there is nothing to tell
TONES = {
    "equivalent": "good",
    "better": "good",
    "holds": "good",
    "right": "good",
    "equal": "good",
    "faster": "good",
    "too small": "bad",
    "worse": "bad",
    "slower": "bad",
    "does not hold": "bad",
}
_EMPTY = {"", NOTHING}


class Html(str):
    """Text that is HTML, shown as such by a notebook."""

    def _repr_html_(self) -> str:
        return self


Text: TypeAlias = str | Html


def text(value: object) -> Html:
    """Escape text; a number stays on one line with its unit, **words** are strong, `code` code."""
    if isinstance(value, Html):
        return value
    escaped = html.escape(str(value), quote=False).replace(_HELD, "")
    spans = iter(_CODE.findall(escaped))  # is copied, so it stays as it is: held out meanwhile
    words = _NARROW.sub("\N{NO-BREAK SPACE}", _CODE.sub(_HELD, escaped))
    words = _MINUS.sub("\N{MINUS SIGN}", words)
    words = _APOSTROPHE.sub("\N{RIGHT SINGLE QUOTATION MARK}", words)
    words = _STRONG.sub(r"<strong>\1</strong>", words)
    return Html(re.sub(_HELD, lambda _: f"<code>{next(spans)}</code>", words))


def code(value: object) -> Html:
    """Return something to be typed or found in a file, character for character."""
    return Html(f"<code>{html.escape(str(value), quote=False)}</code>")


def joined(parts: Iterable[Text | None]) -> Html:
    """Set blocks below each other; None stands for nothing."""
    return Html("\n".join(text(part) for part in parts if part is not None))


def paragraph(words: Text, kind: str | None = None) -> Html:
    """Return a paragraph, of a class of report.css if one is given."""
    return Html(f"<p{_class(kind)}>{text(words)}</p>")


def badge(verdict: str, tone: str | None = None) -> Html:
    """Return a verdict in a frame whose colour tells no more than its words.

    Args:
        tone: "good", "bad" or "open" (neither); None for that of `TONES`.
    """
    return Html(f'<span class="badge {tone or TONES.get(verdict, "open")}">{text(verdict)}</span>')


def section(name: str, title: str, *parts: Text | None) -> Html:
    """Return a section with its heading, that `#name` leads to."""
    heading = f'<h2 id="{name}-title">{text(title)}</h2>'
    body = joined(parts)
    return Html(
        f'<section id="{name}" aria-labelledby="{name}-title">\n{heading}\n{body}\n</section>'
    )


def subsection(title: str, *parts: Text | None) -> Html:
    """Return a part of a section, with a smaller heading."""
    return joined([Html(f"<h3>{text(title)}</h3>"), *parts])


def table(
    title: str,
    columns: Sequence[Text],
    rows: Iterable[Sequence[Text]],
    note: Text | None = None,
    words: Sequence[int] = (0,),
    long: bool = False,
) -> Html:
    """Return a table that scrolls inside its own frame where the page is too narrow for it.

    Args:
        title: what it shows; it stands above the frame, so as not to scroll away.
        rows: the first cell of each is its header. A column that is empty in all is left out.
        note: below it.
        words: the columns that hold words and are set to the left; numbers are set to the right.
        long: whether rows have long headers, which may be broken.
    """
    cells = [list(row) for row in rows]
    filled = zip(columns, zip(*cells, strict=True), strict=True)
    told = [place for place, (_, column) in enumerate(filled) if set(column) - _EMPTY]
    kinds = ["words" if place in words else "number" for place in told]
    head = "".join(
        f'<th scope="col" class="{kind}">{text(columns[place])}</th>'
        for kind, place in zip(kinds, told, strict=True)
    )
    lines = []
    for row in cells:
        first, *others = (text(row[place]) for place in told)
        kind = f"{kinds[0]} long" if long else kinds[0]
        line = [f'<th scope="row" class="{kind}">{first}</th>']
        line += [
            f'<td class="{kind}">{cell}</td>' for kind, cell in zip(kinds[1:], others, strict=True)
        ]
        lines.append(f"<tr>{''.join(line)}</tr>")
    body = "\n".join(lines)
    name = "table-" + re.sub(r"\W+", "-", title.lower()).strip("-")
    return Html(
        f'<div class="table">\n<p class="caption" id="{name}">{text(title)}</p>\n'
        f'<div class="scroll" role="region" tabindex="0" aria-labelledby="{name}">\n'
        f'<table aria-labelledby="{name}">\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table>\n</div>\n"
        f"{paragraph(note, 'note') if note else ''}</div>"
    )


def verdicts(rows: Iterable[tuple[Html, Text, Text]]) -> Html:
    """Return a list of verdicts: a badge, what it is on, and what it rests on."""
    items = [
        f"<li><div>{framed}</div>\n<div>{paragraph(what)}\n"
        f"{why if isinstance(why, Html) else paragraph(why, 'note')}</div></li>"
        for framed, what, why in rows
    ]
    return Html('<ul class="verdicts">\n' + "\n".join(items) + "\n</ul>")


def figure(name: str, svg: bytes, caption: Text, alternative: str) -> Html:
    """Return a picture inside the page. On a narrow one its reader can make it larger."""
    data = base64.b64encode(svg).decode("ascii")
    return Html(
        f'<figure id="figure-{name}">\n'
        f'<label class="larger"><input type="checkbox"> larger</label>\n'
        f'<div class="card"><img src="data:image/svg+xml;base64,{data}" '
        f'alt="{html.escape(alternative)}"></div>\n'
        f"<figcaption>{text(caption)}</figcaption>\n</figure>"
    )


def folded(title: Text, *parts: Text | None, opened: bool = False) -> Html:
    """Return parts that are shown or hidden by a click on their title."""
    state = " open" if opened else ""
    return Html(f"<details{state}>\n<summary>{text(title)}</summary>\n{joined(parts)}\n</details>")


def commands(lines: str) -> Html:
    """Return what to type into a shell."""
    return Html(f'<pre class="scroll" tabindex="0"><code>{html.escape(lines)}</code></pre>')


def facts(pairs: Iterable[tuple[Text, Text]], kind: str = "facts") -> Html:
    """Return names and what they stand for, beside each other."""
    rows = "\n".join(
        f"<div><dt>{text(name)}</dt><dd>{text(value)}</dd></div>" for name, value in pairs
    )
    return Html(f'<dl class="{kind}">\n{rows}\n</dl>')


def _class(kind: str | None) -> str:
    return f' class="{kind}"' if kind else ""
