"""Stage drift_outputs: what every tuned model gives for the general text.

Reads drift/data/text.safetensors, data/prepared/, data/head_only/, data/adapters/, data/full/ and
the model. Writes drift/metrics/outputs.safetensors: by arm the logits (seeds, sentences, classes)
and how far the state that the head reads has moved (seeds, sentences); see `study.drift.outputs`.
"""

from __future__ import annotations

from pathlib import Path

from stages import cli
from study import prepared, settings
from study.drift.given import save_outputs
from study.drift.outputs import every_arm
from study.drift.text import load_text
from study.labels import arm_label


def main() -> None:
    """Run every model over the text."""
    chosen = settings.load()
    text = load_text(Path("drift/data/text.safetensors"))
    data = prepared.load("data/prepared")
    found = {}
    for name, given in every_arm(chosen, text, data, Path("data")):
        found[name] = given
        print(f"drift: {arm_label(*name)}: {len(given.logits)} models", flush=True)
    save_outputs(found, text.labels.numpy(), Path("drift/metrics/outputs.safetensors"))


if __name__ == "__main__":
    cli.run(main)
