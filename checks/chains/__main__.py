"""Puts small models of a few families through a whole study, and their adapters into plain PEFT.

`python -m checks.chains` takes about four minutes of a processor; `--write` writes the table in
docs/models.md.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from transformers.utils import logging

from checks.chains import table
from checks.chains.chain import CHAINS, run
from checks.chains.section import PAGE


def main() -> None:
    """Run the chains, print a line of each; exit with 1 if one does not come through."""
    parser = argparse.ArgumentParser(prog="python -m checks.chains", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(CHAINS)}; or all")
    parser.add_argument("--write", action="store_true", help=f"write their rows into {PAGE}")
    asked = parser.parse_args()
    if unknown := sorted(set(asked.names) - CHAINS.keys()):
        parser.error(f"no such chain: {', '.join(unknown)}; allowed: {', '.join(CHAINS)}")
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    found = []
    for family in asked.names or CHAINS:
        found.append(run(family, Path.cwd()))
        print(table.line(found[-1]), flush=True)
    if asked.write:
        page = table.written(PAGE.read_text(encoding="utf-8"), found)
        PAGE.write_text(page, encoding="utf-8")
    sys.exit(0 if all(outcome.right for outcome in found) else 1)


if __name__ == "__main__":
    main()
