"""Stage spectra: singular values and vectors of what fine-tuning did to the weights.

Reads data/prepared/, data/full/, data/shuffled_labels/ and data/adapters/, and the epochs at which
full fine-tuning and its control were kept, from metrics/runs/full.json and
metrics/shuffled_labels.json. Writes metrics/spectra.json, whose parts are described in
`study.analyses.spectra.record`. The pretrained weights are the model's own, in fp32.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from study.analyses.spectra.gradient import initial_gradients
from study.analyses.spectra.record import spectra_record
from study.analyses.spectra.updates import read_updates
from study.entry.command import run
from study.entry.errors import StudyError
from study.entry.sections import load
from study.models.matrices import read_tuned
from study.models.matrices import updates as of_full
from study.models.packed import load_for
from study.records import prepared
from study.records.json_file import read_json, write_json
from study.records.runs import read_arm
from study.settings.lora import LORA
from study.settings.model import MODEL
from study.settings.seeds import SEEDS
from study.settings.spectra import SPECTRA

OUTPUT, CONTROL = "metrics/spectra.json", "metrics/shuffled_labels.json"
SHUFFLED = (Path("data/shuffled_labels"), "shuffled_labels")  # and the stage that makes it


def main() -> None:
    """Measure every update of the settings' ranks and seeds, and the gradient at the start."""
    chosen = load(SEEDS, MODEL, LORA, SPECTRA)
    data = prepared.load("data/prepared")
    model = load_for(data, chosen.model.name, torch.float32, device=torch.device("cpu"))
    updates = read_updates(model, chosen.lora.ranks, chosen.seeds)
    targets = [matrix.module for matrix in updates.matrices if matrix.target]
    sentences = chosen.spectra.gradient_sentences
    gradients = {
        seed: initial_gradients(model, targets, data, seed, sentences)
        for seed in sorted(chosen.seeds)
    }
    shuffled = None
    if chosen.spectra.shuffled_labels and len(chosen.seeds) > 1:
        _check_epochs(chosen.seeds)
        shuffled = {
            seed: of_full(read_tuned(seed, *SHUFFLED), model, *SHUFFLED)
            for seed in sorted(chosen.seeds)
        }
    record = spectra_record(updates, gradients, chosen.spectra, shuffled)
    write_json(OUTPUT, record)
    print(f"spectra: {len(record['full'])} full updates, {len(record['lora'])} of LoRA")


def _check_epochs(seeds: Sequence[int]) -> None:
    """Refuse a control that trained for other times than the runs that it is held against.

    Raises:
        StudyError: it is of other epochs than full fine-tuning's runs at the picked rate.
    """
    of_task = {run.seed: run.best_epoch for run in read_arm("metrics/runs/full.json").picked()}
    of_control = read_json(CONTROL).get("epochs", {})
    task = [of_task.get(seed) for seed in sorted(seeds)]
    control = [of_control.get(str(seed)) for seed in sorted(seeds)]
    if None in task or control != task:
        raise StudyError(
            f"{CONTROL}: models of seeds {sorted(seeds)} at epochs {control}, but those on the "
            f"task are at {task}; run `dvc repro shuffled_labels`"
        )


if __name__ == "__main__":
    run(main)
