"""The part of docs/trust.md that the fuzzing writes: what became of how many cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from checks.fuzz import table
from checks.fuzz.judge import Outcome
from study.words import markdown

PAGE = Path("docs/trust.md")
START = "<!-- bad input: written by `python -m checks.fuzz --write` -->\n"
END = "<!-- end of bad input -->\n"


def written(page: str, found: Mapping[str, Sequence[Outcome]], seed: int) -> str:
    """Return the page with these counts; all else stays.

    Raises:
        ValueError: the page has no place for them.
    """
    before, start, rest = page.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise ValueError(f"{PAGE}: no place between {START.strip()} and {END.strip()}")
    columns, *rows = table.rows(found)
    cases = sum(map(len, found.values()))
    command = f"`python -m checks.fuzz --cases {cases} --seed {seed}` said:"
    every = [outcome for each in found.values() for outcome in each]
    finds = [f"- {_plain(line)}" for line in table.brief(every)] or ["Nothing was found."]
    parts = [command, markdown.table(columns, rows), "\n".join(finds)]
    return before + START + "\n\n".join(parts) + "\n" + END + after


def _plain(line: str) -> str:
    return line.replace("|", "/").replace("`", "'")
