"""Stage rules_of_thumb: what the rules of thumb would have picked, and how right they were.

Reads metrics/spectra.json and metrics/sufficient_rank.json; writes metrics/rules_of_thumb.json,
described in `study.analyses.rules_of_thumb.record`.
"""

from __future__ import annotations

from study.analyses.rules_of_thumb.record import rules_record
from study.entry.command import run
from study.records.json_file import read_json, write_json

OUTPUT = "metrics/rules_of_thumb.json"


def main() -> None:
    """Score the rules."""
    record = rules_record(
        read_json("metrics/spectra.json"), read_json("metrics/sufficient_rank.json")
    )
    write_json(OUTPUT, record)
    for row in record["rules"]:
        print(f"{row['rule']}: rank {row['rank']}, {row['verdict']}")


if __name__ == "__main__":
    run(main)
