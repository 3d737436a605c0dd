"""Stage check of instruct/dvc.yaml: settings that cannot work stop here, before any training.

Reads all of params.yaml. Finds how the model's batches are to be computed, so that what is measured
is what transformers computes. Writes checked.json, which is the same for the same model.
"""

from __future__ import annotations

from study.arms.lora import config_of
from study.entry.command import run
from study.feasibility.batching import choose_causal_batching
from study.records.checked import write_checked
from study.sources.resolve import resolve
from study.studies.instruct.settings import whole
from study.training import executors
from study.training.machine import training_device


def main() -> None:
    """Check the settings against each other, the sources, the model and the machine."""
    chosen = whole.load()
    resolve(chosen.data.name, "data")
    training_device(chosen.train)
    executors.choose(chosen)
    name = chosen.model.name
    resolve(name, "model")
    config = config_of(chosen.lora, chosen.lora.rank, name, "CAUSAL_LM")
    found = choose_causal_batching(name, chosen.data.max_length, config, chosen.model.dropout)
    print(f"batches: {found.why}")
    write_checked("checked.json", found.batching, "fit each other, the sources and the machine")


if __name__ == "__main__":
    run(main)
