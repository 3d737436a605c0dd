"""Feeds the product bad input, and says what became of it.

`python -m checks.fuzz` takes about four minutes of a processor. It exits with 1 if something broke
the law that is not known and open (`checks.fuzz.open`). `--write` writes docs/trust.md.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys

from checks.fuzz import page, table
from checks.fuzz.children import Kind, outcomes
from checks.fuzz.judge import Outcome
from study.words.text_table import align

CASES = 6000
# Kinds with their share of the cases. What a kind imports takes seconds: the others need it not.
SHARES = {"settings": 0.4, "data": 0.25, "adapters": 0.1, "records": 0.249, "commands": 0.001}
OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}


def kind_named(name: str) -> Kind:
    """Import a kind of cases and return it."""
    os.environ |= OFFLINE  # read on import
    kind: Kind = importlib.import_module(f"checks.fuzz.{name}").KIND
    return kind


def main() -> None:
    """Make the cases, judge them and print the table."""
    parser = argparse.ArgumentParser(prog="python -m checks.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=CASES, help=f"in all; {CASES} if not given")
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn; 0 if not given")
    parser.add_argument("--kind", choices=list(SHARES), help="one alone, with all the cases")
    parser.add_argument("--write", action="store_true", help=f"write {page.PAGE}")
    asked = parser.parse_args()
    if asked.write and asked.kind:
        parser.error(f"--write: {page.PAGE} has all kinds; allowed without --kind alone")
    found: dict[str, list[Outcome]] = {}
    for name, share in SHARES.items():
        if asked.kind in (None, name):
            cases = asked.cases if asked.kind else max(1, round(share * asked.cases))
            found[name] = list(outcomes(kind_named(name), cases, asked.seed))
            print(f"{name}: {len(found[name])} cases", flush=True)
            for line in table.finds(found[name]):
                print(f"  {line}", flush=True)
    print("\n".join(align(table.rows(found))))
    if asked.write:
        text = page.written(page.PAGE.read_text(encoding="utf-8"), found, asked.seed)
        page.PAGE.write_text(text, encoding="utf-8")
    sys.exit(any(table.is_new(outcome) for each in found.values() for outcome in each))


if __name__ == "__main__":
    main()
