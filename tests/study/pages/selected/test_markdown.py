"""A name from a file is text in a card, whatever it holds."""

from __future__ import annotations

import html

import mistune
import pytest

from study.pages.selected.markdown import span

NAMES = [
    "plain",
    "a `code` span",
    "``two`` of them",
    "`",
    "ends with ``",
    "<b>bold</b>",
    "[here](https://example.org)",
    "*a* _b_ # c",
    "| a | b |",
    "two\nlines\n\n# and a heading",
]


@pytest.mark.parametrize("name", NAMES)
def test_it_is_shown_as_it_is(name: str) -> None:
    shown = mistune.html(f"Classes: {span(name)}, and more.")
    one_line = html.escape(" ".join(name.split()), quote=False)
    assert shown == f"<p>Classes: <code>{one_line}</code>, and more.</p>\n"
