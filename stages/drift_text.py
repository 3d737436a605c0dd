"""Stage drift_text: the general text on which drift is read.

Reads data/prepared/, the source of `drift.source` and the model's tokenizer. Writes
drift/data/text.safetensors and the report drift/metrics/text.json (`study.drift.text`).
"""

from __future__ import annotations

from pathlib import Path

from stages import cli
from study import prepared, settings
from study.drift.text import general_text, save_text
from study.records import write_json


def main() -> None:
    """Draw and tokenise the sentences."""
    text, report = general_text(settings.load(), prepared.load("data/prepared"))
    save_text(text, Path("drift/data/text.safetensors"))
    write_json("drift/metrics/text.json", report)
    print(f"general text: {len(text)} sentences of {report['name']}")


if __name__ == "__main__":
    cli.run(main)
