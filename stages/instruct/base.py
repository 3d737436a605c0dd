"""Stage base of instruct/dvc.yaml: the model before training, on the held-out pairs.

Reads data/prepared/; writes base.json (see `study.studies.instruct.training.records.BaseRecord`).
"""

from __future__ import annotations

from study.entry import command
from study.entry.sections import load
from study.records import prepared
from study.records.json_file import write_json
from study.settings.model import MODEL
from study.settings.train import TRAIN
from study.studies.instruct.training.base import evaluate_base


def main() -> None:
    """Evaluate the model of params.yaml."""
    record = evaluate_base(load(MODEL, TRAIN), prepared.load("data/prepared"))
    write_json("base.json", record.to_json())
    print(f"before training: loss {record.test_loss:.4f} on {len(record.test_pair_losses)} pairs")


if __name__ == "__main__":
    command.run(main)
