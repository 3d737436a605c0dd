"""Stage headline: the runs of the rank that the study is quoted for, `lora.rank`.

The sweep's runs are taken if it holds that rank; otherwise the rank is trained here, as the sweep
would. Reads data/prepared/, metrics/runs/ and data/adapters/. Writes metrics/headline.json,
data/headline/s{seed}/, and, for nobody to depend on, metrics/machine/headline.json.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from stages import cli
from study import prepared, settings
from study.environment import Machine
from study.errors import StudyError
from study.records import read_arm, write_json


def main() -> None:
    """Take or train the runs of `lora.rank`."""
    machine = Machine()
    chosen = settings.load()
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
        from study.rank import train_rank  # loads transformers, which takes seconds

        data = prepared.load("data/prepared")
        trained = train_rank(chosen, data, rank, "headline")
        trained.save_adapters(target)
        record, checkpoints = trained.record, trained.checkpoints
    write_json("metrics/headline.json", record.to_json())
    machine.write("metrics/machine/headline.json", chosen.train, executor=chosen.train.executor)
    if checkpoints is not None:
        checkpoints.discard()


if __name__ == "__main__":
    cli.run(main)
