"""Stage speed: latency, training throughput and memory of each method, on this machine, now.

Reads data/prepared/ and data/adapters/. Writes metrics/machine/cost.json, for nobody to depend on,
and metrics/measured.json, which never changes: by it the report waits for this stage, and does not
run again because a clock did.
"""

from __future__ import annotations

from pathlib import Path

from study.analyses.cost.speed import speed
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
from study.training.machine import Machine


def main() -> None:
    """Measure side by side what takes a clock."""
    machine = Machine()
    chosen = load(SEEDS, MODEL, TRAIN, HEAD_ONLY, LORA, COST)
    folder = "data/prepared"
    found = speed(chosen, folder, prepared.load(folder), Path())
    machine.write("metrics/machine/cost.json", chosen.train, **found)
    write_json("metrics/measured.json", {"timings": "metrics/machine/cost.json"})


if __name__ == "__main__":
    command.run(main)
