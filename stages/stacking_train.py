"""Stage stacking_train: LoRA of the headline's rank on the other task, all seeds.

Reads stacking/data/prepared/. Writes stacking/metrics/runs.json, stacking/data/adapters/s{seed}/ in
PEFT's format and, for nobody to depend on, stacking/metrics/machine/train.json.
"""

from __future__ import annotations

from pathlib import Path

from stages import cli
from study import prepared, settings
from study.environment import Machine
from study.rank import train_rank
from study.records import write_json


def main() -> None:
    """Train the other task's adapters."""
    machine = Machine()
    chosen = settings.load()
    data = prepared.load("stacking/data/prepared")
    trained = train_rank(chosen, data, chosen.lora.rank, "stacking")
    trained.save_adapters(Path("stacking/data/adapters"))
    write_json("stacking/metrics/runs.json", trained.record.to_json())
    executor = chosen.train.executor
    machine.write("stacking/metrics/machine/train.json", chosen.train, executor=executor)
    trained.checkpoints.discard()


if __name__ == "__main__":
    cli.run(main)
