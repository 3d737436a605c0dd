"""Stage speed: latency, training throughput and memory of each method, on this machine, now.

Reads data/prepared/ and data/adapters/. Writes metrics/machine/cost.json, for nobody to depend on,
and metrics/measured.json, which never changes: by it the report waits for this stage, and does not
run again because a clock did.
"""

from __future__ import annotations

from pathlib import Path

from stages import cli
from study import prepared, settings
from study.cost.speed import speed
from study.environment import Machine
from study.records import write_json


def main() -> None:
    """Measure side by side what takes a clock."""
    machine = Machine()
    chosen = settings.load()
    folder = "data/prepared"
    found = speed(chosen, folder, prepared.load(folder), Path())
    machine.write("metrics/machine/cost.json", chosen.train, **found)
    write_json("metrics/measured.json", {"timings": "metrics/machine/cost.json"})


if __name__ == "__main__":
    cli.run(main)
