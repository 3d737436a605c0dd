"""Stage check of instruct/dvc.yaml: settings that cannot work stop here, before any training.

Reads all of params.yaml. Finds how the model's batches are to be computed, so that what is measured
is what transformers computes. Writes checked.json, which is the same for the same model.
"""

from __future__ import annotations

import importlib.util

from study.arms.lora import config_of
from study.entry.command import run
from study.entry.errors import StudyError
from study.feasibility.batching import choose_causal_batching
from study.records.checked import write_checked
from study.sources.resolve import resolve
from study.studies.instruct.settings import whole
from study.studies.instruct.settings.generation import ROUGE_L
from study.training import executors
from study.training.machine import training_device


def main() -> None:
    """Check the settings against each other, the sources, the model and the machine."""
    chosen = whole.load()
    resolve(chosen.data.name, "data")
    training_device(chosen.train)
    executors.choose(chosen)
    _scorer(chosen.generation.metric)
    name = chosen.model.name
    resolve(name, "model")
    config = config_of(chosen.lora, chosen.lora.rank, name, "CAUSAL_LM")
    found = choose_causal_batching(name, chosen.data.max_length, config, chosen.model.dropout)
    print(f"batches: {found.why}")
    if found.batching == "shared" and (chosen.model.dropout > 0 or chosen.lora.dropout > 0):
        print("with dropout, beginnings stay apart in training; evaluation shares them")
    write_checked("checked.json", found.batching, "fit each other, the sources and the machine")


def _scorer(metric: str | None) -> None:
    """Refuse a metric whose package is not there, before anything is trained."""
    if metric == ROUGE_L and importlib.util.find_spec("rouge_score") is None:
        raise StudyError(
            "generation.metric: rouge_l, but the package rouge-score is not installed here; "
            "allowed: rouge_l after pip install rouge-score, exact_match, or null"
        )


if __name__ == "__main__":
    run(main)
