"""Stage rank@RANK of instruct/dvc.yaml: LoRA at one rank, all seeds, its learning rate picked.

Reads data/prepared/. Writes ranks/rank_{rank}/run_data.json (see
`study.studies.instruct.training.records.TunedRecord`), data/adapters/r{rank}/s{seed}/ of the first
seed in PEFT's format, and, for nobody to depend on, machine/rank_{rank}.json.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from study.entry import command
from study.entry.sections import load
from study.records import prepared
from study.records.json_file import write_json
from study.settings.model import MODEL
from study.settings.ray import RAY
from study.settings.seeds import SEEDS
from study.settings.train import TRAIN
from study.studies.instruct.settings.lora import LORA
from study.studies.instruct.settings.search import SEARCH
from study.studies.instruct.training.lora_arm import train_rank
from study.training.machine import Machine


def main() -> None:
    """Train the rank that the command line names."""
    parser = argparse.ArgumentParser(description="Tune a language model by LoRA at one rank.")
    parser.add_argument("--rank", type=int, required=True)
    rank = parser.parse_args().rank
    machine = Machine()
    chosen = load(SEEDS, SEARCH, MODEL, TRAIN, RAY, LORA)
    data = prepared.load("data/prepared")
    trained = train_rank(chosen, data, rank, f"rank-{rank}")
    trained.save_adapter(Path(f"data/adapters/r{rank}"))
    write_json(f"ranks/rank_{rank}/run_data.json", trained.record.to_json())
    machine.write(f"machine/rank_{rank}.json", chosen.train, executor=chosen.train.executor)
    trained.checkpoints.discard()


if __name__ == "__main__":
    command.run(main)
