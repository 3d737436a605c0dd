"""Stage select: the adapter to take away, of the rank that the study recommends.

Reads metrics/sufficient_rank.json, metrics/summary.json, metrics/data.json, metrics/runs/,
data/prepared/, data/adapters/ and the model; writes

    data/selected/adapter/    the adapter with its head, in PEFT's format
    data/selected/merged/     the base with the adapter merged in, an ordinary Hugging Face folder
                              with tokenizer, fp32

each with a README in the form of the hub's model cards. Where no rank trained well enough to be
recommended there is a README alone that says so, unless `select.force` is true. It is the rank's
run that is best on validation (of equals, the smallest seed). Before anything is written,
base with adapter and merged model must give the same logits, and the predictions of the run.
"""

from __future__ import annotations

from study.entry import command
from study.entry.sections import load
from study.metrics.measure import measure_named
from study.pages.selected.write import select
from study.records import prepared
from study.settings.data import DATA
from study.settings.lora import LORA
from study.settings.model import MODEL
from study.settings.select import SELECT
from study.settings.train import TRAIN


def main() -> None:
    """Pick and write."""
    facts = select(load(MODEL, DATA, TRAIN, LORA, SELECT), prepared.load("data/prepared"))
    if facts is None:
        print("select: no rank trained well enough to be recommended, so no adapter was selected")
        return
    measure = measure_named(facts.arm.metric)
    print(
        f"select: rank {facts.picked.rank}, seed {facts.run.seed}, test {measure.words} "
        f"{measure.shown(facts.run.test_score)}; merged and unmerged logits differ by "
        f"{facts.checked.difference:.1g} at most"
    )


if __name__ == "__main__":
    command.run(main)
