"""Stage compare of drift/: how far tuning takes a model from the pretrained one, by rank.

Reads drift/metrics/outputs.safetensors, drift/metrics/text.json and metrics/runs/. Writes
drift/metrics/drift.json (`study.studies.drift.answers.record`).
"""

from __future__ import annotations

from pathlib import Path

from study.analyses.results.sweep import read_sweep
from study.entry import command
from study.entry.sections import load
from study.records.arm_names import FULL, HEAD_ONLY
from study.records.arm_names import LORA as LORA_ARM
from study.records.json_file import read_json, write_json
from study.settings.lora import LORA
from study.settings.seeds import SEEDS
from study.settings.statistics import STATISTICS
from study.studies.drift.answers.record import drift_record
from study.studies.drift.outputs.given import load_outputs


def main() -> None:
    """Compare the outputs with the pretrained model's."""
    chosen = load(SEEDS, LORA, STATISTICS)
    results = read_sweep(chosen)
    names = [(HEAD_ONLY, None), *((LORA_ARM, rank) for rank in results.lora), (FULL, None)]
    given, labels = load_outputs(Path("drift/metrics/outputs.safetensors"), names)
    text = read_json("drift/metrics/text.json")
    record = drift_record(given, labels, text, results, chosen.statistics)
    write_json("drift/metrics/drift.json", record)
    for row in record["claims"]:
        print(f"{row['claim']} {row['verdict']}.")


if __name__ == "__main__":
    command.run(main)
