"""Stage methods of timings/: training speed, memory and latency of each method, here, now.

Runs when it is asked for. Reads data/prepared/. Writes methods/metrics/machine/comparison.json,
which no stage depends on and methods/README.md shows as it stands.
"""

from __future__ import annotations

from study.entry import command
from study.entry.sections import load
from study.records import prepared
from study.settings.cost import COST
from study.settings.head_only import HEAD_ONLY
from study.settings.lora import LORA
from study.settings.model import MODEL
from study.settings.seeds import SEEDS
from study.settings.train import TRAIN
from study.studies.methods.comparison.speed import speed
from study.studies.methods.settings import METHODS
from study.training.machine import Machine

PATH = "methods/metrics/machine/comparison.json"


def main() -> None:
    """Measure side by side what takes a clock."""
    machine = Machine()
    chosen = load(SEEDS, MODEL, TRAIN, HEAD_ONLY, LORA, COST, METHODS)
    folder = "data/prepared"
    found = speed(chosen, folder, prepared.load(folder))
    machine.write(PATH, chosen.train, **found)


if __name__ == "__main__":
    command.run(main)
