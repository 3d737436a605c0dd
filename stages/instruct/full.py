"""Stage full of instruct/dvc.yaml: every parameter trained, all seeds, its learning rate picked.

Reads data/prepared/. Writes full.json (see `study.studies.instruct.training.records.TunedRecord`)
and, for nobody to depend on, machine/full.json. No weights are kept.
"""

from __future__ import annotations

from study.entry import command
from study.entry.sections import load
from study.records import prepared
from study.records.json_file import write_json
from study.settings.full import FULL
from study.settings.model import MODEL
from study.settings.ray import RAY
from study.settings.seeds import SEEDS
from study.settings.train import TRAIN
from study.studies.instruct.settings.generation import GENERATION
from study.studies.instruct.settings.search import SEARCH
from study.studies.instruct.training.full import train_full
from study.training.machine import Machine


def main() -> None:
    """Train the model of params.yaml in full."""
    machine = Machine()
    chosen = load(SEEDS, SEARCH, MODEL, TRAIN, RAY, FULL, GENERATION)
    record, checkpoints = train_full(chosen, prepared.load("data/prepared"), "full")
    write_json("full.json", record.to_json())
    machine.write("machine/full.json", chosen.train, executor=chosen.train.executor)
    checkpoints.discard()


if __name__ == "__main__":
    command.run(main)
