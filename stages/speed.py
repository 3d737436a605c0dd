"""Stage arms of timings/: latency, training throughput and memory of each method, here, now.

Runs when it is asked for. Reads data/prepared/ and data/adapters/. Writes
metrics/machine/cost.json, which no stage depends on and the report shows as it stands.
"""

from __future__ import annotations

from pathlib import Path

from study.analyses.cost.speed import speed
from study.entry import command
from study.entry.sections import load
from study.records import prepared
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


if __name__ == "__main__":
    command.run(main)
