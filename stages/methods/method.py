"""Stage method@NAME of methods/: a method that is not LoRA.

Reads data/prepared/. Writes methods/metrics/runs/{name}.json, data/methods/{name}/s{seed}/ with
what was trained, and, for nobody to depend on, methods/metrics/machine/{name}.json. Where the
method has no place in the model, the record says why, and nothing is trained.
"""

from __future__ import annotations

from stages.methods.one_method import train_and_write
from study.entry import command
from study.settings.model import MODEL
from study.settings.ray import RAY
from study.settings.seeds import SEEDS
from study.settings.train import TRAIN
from study.studies.methods.settings import METHODS, OTHER_METHODS
from study.studies.methods.training.trained import train_named


def main() -> None:
    """Train the method that the command line names."""
    train_and_write(OTHER_METHODS, train_named, (SEEDS, MODEL, TRAIN, RAY, METHODS))


if __name__ == "__main__":
    command.run(main)
