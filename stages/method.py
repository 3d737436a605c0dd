"""Stage method@NAME of methods/: a method that is not LoRA.

Reads data/prepared/. Writes methods/metrics/runs/{name}.json, data/methods/{name}/s{seed}/ with
what was trained, and, for nobody to depend on, methods/metrics/machine/{name}.json. Where the
method has no place in the model, the record says why, and nothing is trained.
"""

from __future__ import annotations

from stages import cli
from stages.one_method import train_and_write
from study.methods.trained import train_named
from study.settings import OTHER_METHODS


def main() -> None:
    """Train the method that the command line names."""
    train_and_write(OTHER_METHODS, train_named)


if __name__ == "__main__":
    cli.run(main)
