"""Stage headline: the runs of the rank that the study is quoted for, `lora.rank`.

The sweep's runs are taken if it holds that rank; otherwise the rank is trained here, as the sweep
would. Reads data/prepared/, metrics/runs/ and data/adapters/. Writes metrics/headline.json,
data/headline/s{seed}/, and, for nobody to depend on, metrics/machine/headline.json.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from study.entry import command
from study.entry.errors import StudyError
from study.entry.sections import load
from study.records import prepared
from study.records.json_file import write_json
from study.records.runs import read_arm
from study.settings.lora import LORA
from study.settings.model import MODEL
from study.settings.ray import RAY
from study.settings.seeds import SEEDS
from study.settings.train import TRAIN
from study.training.machine import Machine


def main() -> None:
    """Take or train the runs of `lora.rank`."""
    machine = Machine()
    chosen = load(SEEDS, MODEL, TRAIN, RAY, LORA)
    rank = chosen.lora.rank
    target = Path("data/headline")
    if rank in chosen.lora.ranks:
        record = read_arm(f"metrics/runs/lora-r{rank}.json")
        swept = Path(f"data/adapters/r{rank}")
        if not swept.is_dir():
            raise StudyError(f"{swept}: no such folder; the stage that writes it has not run")
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(swept, target)
        print(f"rank {rank}: taken from the sweep", flush=True)
        checkpoints = None
    else:
        from study.arms.rank import train_rank  # loads transformers, which takes seconds

        data = prepared.load("data/prepared")
        trained = train_rank(chosen, data, rank, "headline")
        trained.save_adapters(target)
        record, checkpoints = trained.record, trained.checkpoints
    write_json("metrics/headline.json", record.to_json())
    machine.write("metrics/machine/headline.json", chosen.train, executor=chosen.train.executor)
    if checkpoints is not None:
        checkpoints.discard()


if __name__ == "__main__":
    command.run(main)
