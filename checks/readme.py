"""The table in README.md is the one that metrics/summary.json bears out.

`python -m checks.readme` compares, `python -m checks.readme --fix` writes it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from study.records import read_json
from study.table import markdown_table

README = Path("README.md")
SUMMARY = "metrics/summary.json"
START = "<!-- table: written by `make readme` from metrics/summary.json -->\n"
END = "<!-- end of table -->\n"


def with_table(text: str, table: str) -> str:
    """Return the README's text with this table between its two marks.

    Raises:
        ValueError: a mark is missing.
    """
    if text.count(START) != 1 or text.count(END) != 1:
        raise ValueError(f"{README}: the marks {START.strip()} and {END.strip()} stand once each")
    before, rest = text.split(START)
    _, after = rest.split(END)
    return f"{before}{START}\n{table}\n\n{END}{after}"


def main() -> None:
    """Compare or write the table; exit with 1 if they differ."""
    parser = argparse.ArgumentParser(prog="python -m checks.readme", description=__doc__)
    parser.add_argument("--fix", action="store_true", help="write the table")
    fix = parser.parse_args().fix
    text = README.read_text(encoding="utf-8")
    new = with_table(text, markdown_table(read_json(SUMMARY)))
    if fix:
        README.write_text(new, encoding="utf-8")
    elif new != text:
        print(f"{README}: the table is not that of {SUMMARY}; run: make readme", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
