"""Stage outputs of drift/: what every tuned model gives for the general text.

Reads drift/data/text.safetensors, data/prepared/, data/head_only/, data/adapters/, data/full/ and
the model. Writes drift/metrics/outputs.safetensors: by arm the logits (seeds, sentences, classes)
and how far the state that the head reads has moved (seeds, sentences); see
`study.studies.drift.outputs.outputs`.
"""

from __future__ import annotations

from pathlib import Path

from study.entry import command
from study.entry.sections import load
from study.records import prepared
from study.settings.lora import LORA
from study.settings.model import MODEL
from study.settings.seeds import SEEDS
from study.settings.train import TRAIN
from study.studies.drift.outputs.given import save_outputs
from study.studies.drift.outputs.outputs import every_arm
from study.studies.drift.outputs.text import load_text
from study.words.arms import arm_label


def main() -> None:
    """Run every model over the text."""
    chosen = load(SEEDS, MODEL, TRAIN, LORA)
    text = load_text(Path("drift/data/text.safetensors"))
    data = prepared.load("data/prepared")
    found = {}
    for name, given in every_arm(chosen, text, data, Path("data")):
        found[name] = given
        print(f"drift: {arm_label(*name)}: {len(given.logits)} models", flush=True)
    save_outputs(found, text.labels.numpy(), Path("drift/metrics/outputs.safetensors"))


if __name__ == "__main__":
    command.run(main)
