"""Stage lora_variant@NAME of methods/: LoRA, or LoRA with one thing changed.

Reads data/prepared/. Writes methods/metrics/runs/{name}.json, data/methods/{name}/s{seed}/ in
PEFT's format, and, for nobody to depend on, methods/metrics/machine/{name}.json. Where the variant
has no place in the model, the record says why, and nothing is trained.
"""

from __future__ import annotations

from stages.methods.one_method import train_and_write
from study.entry import command
from study.settings.lora import LORA
from study.settings.model import MODEL
from study.settings.ray import RAY
from study.settings.seeds import SEEDS
from study.settings.train import TRAIN
from study.studies.methods.settings import LORA_VARIANTS, METHODS
from study.studies.methods.training.variants import train_variant


def main() -> None:
    """Train the variant that the command line names."""
    train_and_write(LORA_VARIANTS, train_variant, (SEEDS, MODEL, TRAIN, RAY, LORA, METHODS))


if __name__ == "__main__":
    command.run(main)
