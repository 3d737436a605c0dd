"""Holds the study's pass against transformers' own, for every family of models that there is.

`python -m checks.families` takes about ten minutes; `--write` writes docs/models.md.
"""

from __future__ import annotations

import argparse
import sys

import transformers

from checks.chains.section import PAGE, section, with_section
from checks.families import table
from checks.families.children import Job, outcomes
from checks.families.making import CAUSAL, CLASSIFIER, FAMILIES


def main() -> None:
    """Compare the families, print a line of each; exit with 1 below the goals."""
    parser = argparse.ArgumentParser(prog="python -m checks.families", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="families; all if none is given")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--classifiers", action="store_true", help="these alone")
    which.add_argument("--causal", action="store_true", help="causal language models alone")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE}")
    asked = parser.parse_args()
    if asked.write and (asked.names or asked.classifiers or asked.causal):
        parser.error(f"--write: {PAGE} has all families; allowed without names and kinds alone")
    kinds = [CLASSIFIER] * (not asked.causal) + [CAUSAL] * (not asked.classifiers)
    jobs: list[Job] = [
        (family, kind)
        for kind in kinds
        for family in FAMILIES[kind]
        if not asked.names or family in asked.names
    ]
    unknown = sorted(set(asked.names) - {family for family, _ in jobs})
    if unknown:
        parser.error(f"no family of transformers {transformers.__version__}: {', '.join(unknown)}")
    found = []
    for outcome in outcomes(jobs):
        found.append(outcome)
        print(table.line(outcome), flush=True)
    if asked.write:
        page = table.page(found, transformers.__version__)
        chains = section(PAGE.read_text(encoding="utf-8")) if PAGE.exists() else ""
        PAGE.write_text(with_section(page, chains), encoding="utf-8")
    short = [table.line(outcome) for outcome in found if not outcome.right]
    for kind in kinds:
        print(f"{kind}: {table.totals([outcome for outcome in found if outcome.kind == kind])}")
        below = None if asked.names else table.shortcoming(found, kind)
        short += [] if below is None else [below]
    for text in short:
        print(text, file=sys.stderr)
    sys.exit(1 if short else 0)


if __name__ == "__main__":
    main()
