"""Stage lora_variant@NAME of methods/: LoRA, or LoRA with one thing changed.

Reads data/prepared/. Writes methods/metrics/runs/{name}.json, data/methods/{name}/s{seed}/ in
PEFT's format, and, for nobody to depend on, methods/metrics/machine/{name}.json. Where the variant
has no place in the model, the record says why, and nothing is trained.
"""

from __future__ import annotations

from stages import cli
from stages.one_method import train_and_write
from study.methods.variants import train_variant
from study.settings import LORA_VARIANTS


def main() -> None:
    """Train the variant that the command line names."""
    train_and_write(LORA_VARIANTS, train_variant)


if __name__ == "__main__":
    cli.run(main)
