"""Stage combine of stacking/: two tasks' adapters in one model, with weights, whole and in part.

Reads data/prepared/, data/headline/ and, of the other task, stacking/data/prepared/ and
stacking/data/adapters/. Writes every combination to stacking/data/combined/{name}/s{seed}/ in
PEFT's format, with the mean of the two heads, and stacking/metrics/right.safetensors: which seed
gets which test sentence right, by combination, task and head
(`study.studies.stacking.combining.evaluate`).
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from lora import peft_format
from study.entry import command
from study.entry.sections import load
from study.evaluation.attached import read_saved
from study.models.packed import load_for
from study.records import prepared
from study.settings.data import DATA
from study.settings.model import MODEL
from study.settings.seeds import SEEDS
from study.settings.train import TRAIN
from study.studies.stacking.combining.combinations import ALONE, combinations
from study.studies.stacking.combining.evaluate import evaluate
from study.studies.stacking.combining.names import task_names
from study.studies.stacking.combining.right import save_right
from study.studies.stacking.combining.together import put_together
from study.studies.stacking.settings import STACKING
from study.training.machine import compute_dtype, device


def main() -> None:
    """Combine, save and evaluate."""
    chosen = load(SEEDS, MODEL, DATA, TRAIN, STACKING)
    tasks = [prepared.load(folder) for folder in ("data/prepared", "stacking/data/prepared")]
    labels = tasks[0].label_names, tasks[1].label_names
    names, seeds = task_names(chosen), sorted(chosen.seeds)
    pairs = [
        (
            read_saved(Path(f"data/headline/s{seed}"), "dvc repro headline"),
            read_saved(Path(f"stacking/data/adapters/s{seed}"), "dvc repro stacking/dvc.yaml"),
        )
        for seed in seeds
    ]
    stacked = {
        each: [put_together(each, pair, names, labels) for pair in pairs]
        for each in combinations(chosen.stacking)
    }
    for each, adapters in stacked.items():
        for seed, adapter in zip(seeds, adapters, strict=True):
            if each.kind != ALONE:
                peft_format.save(adapter, Path(f"stacking/data/combined/{each.name}/s{seed}"))
    longest = max(data.max_length for data in tasks)
    dtype = compute_dtype(chosen.train)
    both = replace(tasks[0], max_length=longest)
    model = load_for(both, chosen.model.name, dtype, device=device(chosen.train))
    say = partial(print, "stacking:", flush=True)
    right = evaluate(model, stacked, tasks, chosen.stacking.test_size, chosen.train, say)
    save_right(right, Path("stacking/metrics/right.safetensors"))


if __name__ == "__main__":
    command.run(main)
