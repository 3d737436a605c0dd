"""Stage compare of methods/: every method beside full fine-tuning and head only, in one record.

Reads data/prepared/, data/methods/, data/full/, methods/metrics/runs/ and the root study's
metrics/runs/ and metrics/linear_probe.json. Writes methods/metrics/comparison.json, and the few of
its numbers that `dvc metrics` compares, methods/metrics/summary.json. What takes a clock stands in
timings/. `python -m stages.methods.compare --table` prints the comparison as the files of both
stand, without computing anything.
"""

from __future__ import annotations

import argparse
from pathlib import Path

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
from study.studies.methods.comparison.record import comparison, metrics
from study.studies.methods.pages.table import text_table
from study.studies.methods.settings import METHODS

RECORD = Path("methods/metrics/comparison.json")
METRICS = Path("methods/metrics/summary.json")
MACHINE = Path("methods/metrics/machine/comparison.json")


def main() -> None:
    """Compare the methods, or print the table."""
    parser = argparse.ArgumentParser(prog="python -m stages.methods.compare", description=__doc__)
    parser.add_argument("--table", action="store_true", help="print the table and do nothing else")
    if parser.parse_args().table:
        print(text_table(read_json(RECORD), read_json(MACHINE) if MACHINE.exists() else None))
        return
    chosen = load(SEEDS, MODEL, TRAIN, HEAD_ONLY, LORA, STATISTICS, METHODS)
    record = comparison(chosen, prepared.load("data/prepared"), Path())
    write_json(RECORD, record)
    write_json(METRICS, metrics(record))


if __name__ == "__main__":
    command.run(main)
