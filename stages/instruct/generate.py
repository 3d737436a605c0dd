"""Stage generate of instruct/dvc.yaml: what every arm's first seed writes itself, and its score.

Reads data/prepared/, data/adapters/ and, for what full fine-tuning wrote, full.json. Writes
generated.json (see `study.studies.instruct.training.writing.written_by_arm`), which holds no text
where `generation.metric` is null.
"""

from __future__ import annotations

from pathlib import Path

from study.entry import command
from study.entry.sections import load
from study.records import prepared
from study.records.json_file import write_json
from study.settings.model import MODEL
from study.settings.seeds import SEEDS
from study.settings.train import TRAIN
from study.studies.instruct.settings.generation import GENERATION
from study.studies.instruct.settings.lora import LORA
from study.studies.instruct.training.records import read_tuned
from study.studies.instruct.training.writing import written_by_arm


def main() -> None:
    """Let the base and the adapters write, and score all that was written."""
    chosen = load(SEEDS, MODEL, TRAIN, LORA, GENERATION)
    data, full = prepared.load("data/prepared"), read_tuned("full.json")
    found = written_by_arm(chosen, data, full, Path("data/adapters"))
    write_json("generated.json", found)
    for row in found["arms"]:
        rank = "" if row["rank"] is None else f", rank {row['rank']}"
        print(f"{row['arm']}{rank}: {found['metric']} {row['score']:.4f}")


if __name__ == "__main__":
    command.run(main)
