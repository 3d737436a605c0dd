"""Stage speed: latency, training throughput and memory of each method, on this machine, now.

Reads data/prepared/ and data/adapters/. Writes metrics/machine/cost.json, for nobody to depend on.
"""

from __future__ import annotations

from pathlib import Path

from stages import cli
from study import prepared, settings
from study.cost.speed import speed
from study.environment import Machine


def main() -> None:
    """Measure side by side what takes a clock."""
    machine = Machine()
    chosen = settings.load()
    folder = "data/prepared"
    found = speed(chosen, folder, prepared.load(folder), Path())
    machine.write("metrics/machine/cost.json", chosen.train, **found)


if __name__ == "__main__":
    cli.run(main)
