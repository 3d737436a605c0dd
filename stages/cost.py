"""Stage cost: parameters, storage and operations of each method, and whether adapters merge.

Reads data/prepared/, data/adapters/, data/full/ and metrics/runs/. Writes metrics/cost.json. What
takes a clock is the stage `speed`'s. `python -m stages.cost --table` prints the comparison as the
files of both stand, without computing anything.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from stages import cli
from study import prepared, settings
from study.cost.record import cost
from study.cost.table import text_table
from study.records import read_json, write_json

COST, MACHINE = Path("metrics/cost.json"), Path("metrics/machine/cost.json")


def main() -> None:
    """Count what each method costs, or print the table."""
    parser = argparse.ArgumentParser(prog="python -m stages.cost", description=__doc__)
    parser.add_argument("--table", action="store_true", help="print the table and do nothing else")
    if parser.parse_args().table:
        print(text_table(read_json(COST), read_json(MACHINE) if MACHINE.exists() else None))
        return
    chosen = settings.load()
    write_json(COST, cost(chosen, prepared.load("data/prepared")))


if __name__ == "__main__":
    cli.run(main)
