"""Stage base of instruct/dvc.yaml: the model before training, on the held-out pairs.

Reads data/prepared/; writes base.json (see `study.instruct.records.BaseRecord`).
"""

from __future__ import annotations

from stages import cli
from study import prepared
from study.instruct import settings
from study.instruct.base import evaluate_base
from study.records import write_json


def main() -> None:
    """Evaluate the model of params.yaml."""
    record = evaluate_base(settings.load(), prepared.load("data/prepared"))
    write_json("base.json", record.to_json())
    print(f"before training: loss {record.test_loss:.4f} on {len(record.test_pair_losses)} pairs")


if __name__ == "__main__":
    cli.run(main)
