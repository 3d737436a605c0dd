"""Stage prepare of stacking/: the other task's sentences, prepared as the study's own.

Stops here if the headline's adapter could not be combined with another.

Reads data/prepared/, data/headline/, the source in stacking/params.yaml and the model's tokenizer.
Writes stacking/data/prepared/ and the report stacking/metrics/data.json (as metrics/data.json, and
`left_out` and `kept`: see `study.studies.stacking.combining.task`).
"""

from __future__ import annotations

from pathlib import Path

from study.entry import command
from study.entry.sections import load
from study.evaluation.attached import read_saved
from study.records import prepared
from study.records.json_file import write_json
from study.settings.data import DATA
from study.settings.model import MODEL
from study.settings.seeds import SEEDS
from study.studies.stacking.combining.task import prepare_other
from study.studies.stacking.combining.together import check
from study.studies.stacking.settings import STACKING


def main() -> None:
    """Prepare the other task."""
    chosen = load(SEEDS, MODEL, DATA, STACKING)
    own = read_saved(Path(f"data/headline/s{min(chosen.seeds)}"), "dvc repro headline")
    check(chosen.stacking, own)
    other, report = prepare_other(chosen, prepared.load("data/prepared"))
    prepared.save(other, "stacking/data/prepared")
    write_json("stacking/metrics/data.json", report)
    sizes = ", ".join(f"{name} {len(getattr(other, name))}" for name in prepared.SPLITS)
    left_out = sum(report["left_out"].values())
    print(f"other task: {sizes}; left out, as the study knows them: {left_out}")


if __name__ == "__main__":
    command.run(main)
