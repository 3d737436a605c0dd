"""Stage train of stacking/: LoRA of the headline's rank on the other task, all seeds.

Reads stacking/data/prepared/. Writes stacking/metrics/runs.json, stacking/data/adapters/s{seed}/ in
PEFT's format and, for nobody to depend on, stacking/metrics/machine/train.json.
"""

from __future__ import annotations

from pathlib import Path

from study.arms.rank import train_rank
from study.entry import command
from study.entry.sections import load
from study.records import prepared
from study.records.json_file import write_json
from study.settings.lora import LORA
from study.settings.model import MODEL
from study.settings.ray import RAY
from study.settings.seeds import SEEDS
from study.settings.train import TRAIN
from study.training.machine import Machine


def main() -> None:
    """Train the other task's adapters."""
    machine = Machine()
    chosen = load(SEEDS, MODEL, TRAIN, RAY, LORA)
    data = prepared.load("stacking/data/prepared")
    trained = train_rank(chosen, data, chosen.lora.rank, "stacking")
    trained.save_adapters(Path("stacking/data/adapters"))
    write_json("stacking/metrics/runs.json", trained.record.to_json())
    executor = chosen.train.executor
    machine.write("stacking/metrics/machine/train.json", chosen.train, executor=executor)
    trained.checkpoints.discard()


if __name__ == "__main__":
    command.run(main)
