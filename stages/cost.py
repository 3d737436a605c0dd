"""Stage cost: parameters, storage and operations of each method, and whether adapters merge.

Reads data/prepared/, data/adapters/, data/full/, metrics/runs/ and metrics/linear_probe.json.
Writes metrics/cost.json. What takes a clock is the stage `speed`'s. `python -m stages.cost --table`
prints the comparison as the files of both stand, without computing anything.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from study.analyses.cost.record import cost
from study.analyses.cost.table import text_table
from study.entry import command
from study.entry.sections import load
from study.records import prepared
from study.records.json_file import read_json, write_json
from study.settings.head_only import HEAD_ONLY
from study.settings.lora import LORA
from study.settings.model import MODEL
from study.settings.seeds import SEEDS
from study.settings.statistics import STATISTICS
from study.settings.train import TRAIN

COST, MACHINE = Path("metrics/cost.json"), Path("metrics/machine/cost.json")


def main() -> None:
    """Count what each method costs, or print the table."""
    parser = argparse.ArgumentParser(prog="python -m stages.cost", description=__doc__)
    parser.add_argument("--table", action="store_true", help="print the table and do nothing else")
    if parser.parse_args().table:
        print(text_table(read_json(COST), read_json(MACHINE) if MACHINE.exists() else None))
        return
    chosen = load(SEEDS, MODEL, TRAIN, HEAD_ONLY, LORA, STATISTICS)
    write_json(COST, cost(chosen, prepared.load("data/prepared")))


if __name__ == "__main__":
    command.run(main)
