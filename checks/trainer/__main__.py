"""Trains four tasks of the packaged reviews by the study and by Trainer with PEFT, and compares.

`python -m checks.trainer` takes about four minutes of a processor; `--write` writes the tables in
docs/metrics.md.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from transformers.utils import logging

from checks.trainer import ours, table
from checks.trainer.compare import run
from checks.trainer.ours import Sizes
from checks.trainer.table import PAGE
from checks.trainer.tasks import TASKS


def main() -> None:
    """Compare the tasks, print a line of each arm; exit with 1 if one is too far off."""
    parser = argparse.ArgumentParser(prog="python -m checks.trainer", description=__doc__)
    names = [task.name for task in TASKS]
    parser.add_argument("names", nargs="*", metavar="TASK", help=f"of {', '.join(names)}; or all")
    parser.add_argument("--write", action="store_true", help=f"write the tables into {PAGE}")
    asked = parser.parse_args()
    if unknown := sorted(set(asked.names) - set(names)):
        parser.error(f"no such task: {', '.join(unknown)}; allowed: {', '.join(names)}")
    if asked.write and asked.names:
        parser.error("--write is of all tasks")
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    texts, found = ours.reviews(), []
    for task in TASKS:
        if asked.names and task.name not in asked.names:
            continue
        for outcome in run(task, texts, Sizes(), Path.cwd()):
            print(table.line(outcome), flush=True)
            found.append(outcome)
    if asked.write:
        page = table.written(PAGE.read_text(encoding="utf-8"), found)
        PAGE.write_text(page, encoding="utf-8")
    sys.exit(0 if all(outcome.right for outcome in found) else 1)


if __name__ == "__main__":
    main()
