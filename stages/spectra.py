"""Stage spectra: singular values and vectors of what fine-tuning did to the weights.

Reads data/prepared/, data/full/, data/shuffled_labels/ and data/adapters/; writes
metrics/spectra.json, whose parts are described in `study.analyses.spectra.record`. The pretrained
weights are the model's own, in fp32.
"""

from __future__ import annotations

from pathlib import Path

import torch

from study.analyses.spectra.gradient import initial_gradients
from study.analyses.spectra.record import spectra_record
from study.analyses.spectra.updates import read_updates
from study.entry.command import run
from study.entry.sections import load
from study.models.matrices import read_tuned
from study.models.matrices import updates as of_full
from study.models.packed import load_pretrained
from study.records import prepared
from study.records.json_file import write_json
from study.settings.lora import LORA
from study.settings.model import MODEL
from study.settings.seeds import SEEDS
from study.settings.spectra import SPECTRA

OUTPUT = "metrics/spectra.json"
SHUFFLED = (Path("data/shuffled_labels"), "shuffled_labels")  # and the stage that makes it


def main() -> None:
    """Measure every update of the settings' ranks and seeds, and the gradient at the start."""
    chosen = load(SEEDS, MODEL, LORA, SPECTRA)
    data = prepared.load("data/prepared")
    model = load_pretrained(chosen.model.name, data.num_labels, torch.float32, 0.0, data.max_length)
    updates = read_updates(model, chosen.lora.ranks, chosen.seeds)
    targets = [matrix.module for matrix in updates.matrices if matrix.target]
    sentences = chosen.spectra.gradient_sentences
    gradients = {
        seed: initial_gradients(model, targets, data, seed, sentences)
        for seed in sorted(chosen.seeds)
    }
    shuffled = None
    if chosen.spectra.shuffled_labels and len(chosen.seeds) > 1:
        shuffled = {
            seed: of_full(read_tuned(seed, *SHUFFLED), model, *SHUFFLED)
            for seed in sorted(chosen.seeds)
        }
    record = spectra_record(updates, gradients, chosen.spectra, shuffled)
    write_json(OUTPUT, record)
    print(f"spectra: {len(record['full'])} full updates, {len(record['lora'])} of LoRA")


if __name__ == "__main__":
    run(main)
