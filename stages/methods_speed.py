"""Stage methods_speed of methods/: training speed, memory and latency of each method, here, now.

Reads data/prepared/. Writes methods/metrics/machine/comparison.json, for nobody to depend on, and
methods/metrics/measured.json, which never changes.
"""

from __future__ import annotations

from stages import cli
from study import prepared, settings
from study.environment import Machine
from study.methods.speed import speed
from study.records import write_json

PATH = "methods/metrics/machine/comparison.json"


def main() -> None:
    """Measure side by side what takes a clock."""
    machine = Machine()
    chosen = settings.load()
    folder = "data/prepared"
    found = speed(chosen, folder, prepared.load(folder))
    machine.write(PATH, chosen.train, **found)
    write_json("methods/metrics/measured.json", {"timings": PATH})


if __name__ == "__main__":
    cli.run(main)
