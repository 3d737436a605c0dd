"""Stage compare of stacking/: each task's accuracy, alone and together.

Reads stacking/metrics/right.safetensors and stacking/metrics/data.json. Writes
stacking/metrics/stacking.json (`study.studies.stacking.answers.record`).
"""

from __future__ import annotations

from pathlib import Path

from study.entry import command
from study.entry.sections import load
from study.records.json_file import read_json, write_json
from study.settings.data import DATA
from study.settings.seeds import SEEDS
from study.settings.statistics import STATISTICS
from study.studies.stacking.answers.record import stacking_record
from study.studies.stacking.combining.names import task_names
from study.studies.stacking.combining.right import load_right
from study.studies.stacking.settings import STACKING


def main() -> None:
    """Compare the combinations."""
    chosen = load(SEEDS, DATA, STACKING, STATISTICS)
    right = load_right(Path("stacking/metrics/right.safetensors"))
    other = read_json("stacking/metrics/data.json")
    record = stacking_record(
        right, task_names(chosen), chosen.stacking, chosen.statistics, chosen.seeds, other
    )
    write_json("stacking/metrics/stacking.json", record)
    for row in record["claims"]:
        print(f"{row['claim']} {row['verdict']}.")


if __name__ == "__main__":
    command.run(main)
