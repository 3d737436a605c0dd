"""The part of docs/models.md that the chains write, which the table of families leaves alone."""

from __future__ import annotations

from pathlib import Path

PAGE = Path("docs/models.md")
START = "<!-- chains: written by `python -m checks.chains --write` -->\n"
END = "<!-- end of chains -->\n"


def section(page: str) -> str:
    """Return the chains' part of docs/models.md, without its marks; "": it has none."""
    return page.partition(START)[2].partition(END)[0]


def with_section(page: str, text: str) -> str:
    """Return docs/models.md with this as the chains' part, which stands at its end."""
    rest = page.partition(START)[0].rstrip()
    return f"{rest}\n\n{START}{text}{END}" if text else f"{rest}\n"
