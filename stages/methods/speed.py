"""Stage methods_speed of methods/: training speed, memory and latency of each method, here, now.

Reads data/prepared/. Writes methods/metrics/machine/comparison.json, for nobody to depend on, and
methods/metrics/measured.json, which never changes.
"""

from __future__ import annotations

from study.entry import command
from study.entry.sections import load
from study.records import prepared
from study.records.json_file import write_json
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
    write_json("methods/metrics/measured.json", {"timings": PATH})


if __name__ == "__main__":
    command.run(main)
