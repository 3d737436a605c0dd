"""Stage check of methods/: settings that cannot work stop here, before any method is trained.

Reads methods/params.yaml, what of params.yaml decides whether a method fits the model, and how the
model computes batches (metrics/checked.json). Writes
methods/metrics/checked.json, which never changes.
"""

from __future__ import annotations

from study.entry.command import run
from study.entry.sections import load
from study.records.checked import read_batching
from study.records.json_file import write_json
from study.settings.data import DATA
from study.settings.lora import LORA
from study.settings.model import MODEL
from study.settings.train import TRAIN
from study.studies.methods.settings import METHODS
from study.studies.methods.training.feasible import check


def main() -> None:
    """Check the methods against the model."""
    check(load(MODEL, DATA, TRAIN, LORA, METHODS), read_batching())
    write_json("methods/metrics/checked.json", {"settings": "fit the model"})


if __name__ == "__main__":
    run(main)
