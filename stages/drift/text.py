"""Stage text of drift/: the general text on which drift is read.

Reads data/prepared/, the source of drift/params.yaml and the model's tokenizer. Writes
drift/data/text.safetensors and the report drift/metrics/text.json
(`study.studies.drift.outputs.text`).
"""

from __future__ import annotations

from pathlib import Path

from study.entry import command
from study.entry.sections import load
from study.records import prepared
from study.records.json_file import write_json
from study.settings.data import DATA
from study.settings.model import MODEL
from study.studies.drift.outputs.text import general_text, save_text
from study.studies.drift.settings import DRIFT


def main() -> None:
    """Draw and tokenise the sentences."""
    text, report = general_text(load(MODEL, DATA, DRIFT), prepared.load("data/prepared"))
    save_text(text, Path("drift/data/text.safetensors"))
    write_json("drift/metrics/text.json", report)
    print(f"general text: {len(text)} sentences of {report['name']}")


if __name__ == "__main__":
    command.run(main)
