"""Stage aggregate: from the runs of every arm to `metrics/summary.json` and the plots' data.

The linear probe (`metrics/linear_probe.json`) stands among the arms.

`python -m stages.aggregate --table` prints the table of the summary as it stands, without
computing anything.
"""

from __future__ import annotations

import argparse

from study.analyses.results import curves
from study.analyses.results.summary import summarise
from study.analyses.results.sweep import read_results
from study.analyses.results.table import arms_table
from study.entry import command
from study.entry.errors import StudyError
from study.entry.sections import load
from study.probes.record import read_probe
from study.records.json_file import read_json, write_json
from study.settings.lora import LORA
from study.settings.seeds import BLOCKS, SEEDS
from study.settings.statistics import STATISTICS

SUMMARY = "metrics/summary.json"
# What an edited summary makes the table stumble over.
_SPOILT = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, StopIteration)


def aggregate() -> None:
    """Read exactly the runs that params.yaml names; write what is known from them."""
    chosen = load(SEEDS, BLOCKS, LORA, STATISTICS)
    results = read_results(chosen, blocks=chosen.blocks)
    probe = read_probe("metrics/linear_probe.json", results.head_only)
    summary = summarise(results, chosen.statistics, probe)
    rows = {
        "plots/rank_curve.json": curves.rank_curve(results, summary),
        "plots/pareto.json": curves.pareto(summary),
        "plots/dynamics.json": curves.dynamics(results),
    }
    write_json(SUMMARY, summary)
    for path, value in rows.items():
        write_json(path, value)
    print(arms_table(summary))


def table() -> str:
    """Return the table of the summary as it stands.

    Raises:
        StudyError: the file is missing, or is not what this stage writes.
    """
    summary = read_json(SUMMARY)
    try:
        return arms_table(summary)
    except _SPOILT as error:
        said = repr(error)[:200]
        raise StudyError(
            f"{SUMMARY}: not what aggregate writes ({said}); run `dvc repro aggregate`"
        ) from error


def main() -> None:
    """Run the stage, or print its table."""
    parser = argparse.ArgumentParser(prog="python -m stages.aggregate", description=__doc__)
    parser.add_argument("--table", action="store_true", help="print the table and do nothing else")
    if parser.parse_args().table:
        print(table())
    else:
        aggregate()


if __name__ == "__main__":
    command.run(main)
