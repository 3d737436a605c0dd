"""Stage drift: how far tuning takes a model from the pretrained one, by rank.

Reads drift/metrics/outputs.safetensors, drift/metrics/text.json and metrics/runs/. Writes
drift/metrics/drift.json (`study.drift.record`).
"""

from __future__ import annotations

from pathlib import Path

from stages import cli
from study import settings
from study.drift.given import load_outputs
from study.drift.record import drift_record
from study.labels import FULL, HEAD_ONLY, LORA
from study.records import read_json, write_json
from study.results import read_sweep


def main() -> None:
    """Compare the outputs with the pretrained model's."""
    chosen = settings.load()
    results = read_sweep(chosen)
    names = [(HEAD_ONLY, None), *((LORA, rank) for rank in results.lora), (FULL, None)]
    given, labels = load_outputs(Path("drift/metrics/outputs.safetensors"), names)
    text = read_json("drift/metrics/text.json")
    record = drift_record(given, labels, text, results, chosen.statistics)
    write_json("drift/metrics/drift.json", record)
    for row in record["claims"]:
        print(f"{row['claim']} {row['verdict']}.")


if __name__ == "__main__":
    cli.run(main)
