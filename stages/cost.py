"""Stage cost: parameters, storage and operations of each method, and whether adapters merge.

Reads data/prepared/, data/adapters/, data/full/ and metrics/runs/. Writes metrics/cost.json. What
takes a clock is the stage `speed`'s.
"""

from __future__ import annotations

from stages import cli
from study import prepared, settings
from study.cost.record import cost
from study.records import write_json


def main() -> None:
    """Count what each method costs."""
    chosen = settings.load()
    write_json("metrics/cost.json", cost(chosen, prepared.load("data/prepared")))


if __name__ == "__main__":
    cli.run(main)
