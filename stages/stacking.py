"""Stage stacking: each task's accuracy, alone and together.

Reads stacking/metrics/right.safetensors and stacking/metrics/data.json. Writes
stacking/metrics/stacking.json (`study.stacking.record`).
"""

from __future__ import annotations

from pathlib import Path

from stages import cli
from study import settings
from study.records import read_json, write_json
from study.stacking.names import task_names
from study.stacking.record import stacking_record
from study.stacking.right import load_right


def main() -> None:
    """Compare the combinations."""
    chosen = settings.load()
    right = load_right(Path("stacking/metrics/right.safetensors"))
    other = read_json("stacking/metrics/data.json")
    record = stacking_record(
        right, task_names(chosen), chosen.stacking, chosen.statistics, chosen.seeds, other
    )
    write_json("stacking/metrics/stacking.json", record)
    for row in record["claims"]:
        print(f"{row['claim']} {row['verdict']}.")


if __name__ == "__main__":
    cli.run(main)
