"""Stage prepare: from the source to tokenised splits.

Reads the source of `data.name` (and `data.test_name`), the tokenizer of `model.name` and how the
model computes batches (metrics/checked.json); writes data/prepared/ (see `study.records.prepared`)
and the report metrics/data.json:

    model, classes          display name; number of classes, or task, "regression"
    token_ids_in_use        different token ids in all splits together
    sources.main, .test     display name, rows read (after data.where), rows dropped by reason,
                            sentences left
    relatives_set_aside     sentences kept out of the splits drawn after a split because they quote,
                            or are quoted by, a sentence in it (see `study.data.near_duplicates`)
    training                epochs of full fine-tuning and LoRA, steps of them all together, and
                            whether the number was chosen by the study (train.epochs: auto)
    batching                how the model computes, as stage check found
    pairs_of                the two columns, only where each sentence is a pair of texts
    splits.SPLIT            sentences, class counts and shares (of a regression the labels' mean,
                            standard deviation, least and most); mean, quantiles and maximum of the
                            lengths in tokens before long texts were cut, the number of tokens
                            after, and the share of sentences that were cut

Nothing is written until everything has been read, checked and tokenised. Ranks that were trained
on other data and are not trained now are removed (`study.data.leftovers`). Says how many steps
training will take, how many are usual, where one class is most of the sentences, and how much of
long texts is cut off.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from study.data.leftovers import clear, told
from study.data.preparing import prepare
from study.data.texts import columns_words
from study.data.tokenising import Tokenizer
from study.entry.command import run
from study.entry.sections import load
from study.metrics.measure import measure_of
from study.records import prepared
from study.records.checked import read_batching
from study.records.json_file import write_json
from study.settings.data import DATA
from study.settings.model import MODEL
from study.settings.statistics import STATISTICS
from study.settings.train import TRAIN
from study.words.balance import balance_words
from study.words.lengths import cut_off, cut_words
from study.words.steps import steps_words

FOLDER = "data/prepared"
REPORT = "metrics/data.json"


def main() -> None:
    """Prepare the data of params.yaml."""
    wanted = load(DATA, MODEL, TRAIN, STATISTICS)
    batching = read_batching()
    data, report = prepare(wanted.data, wanted.model.name)
    metric = measure_of(data.task, wanted.statistics.metric).name
    data = replace(data, batching=batching, metric=metric)
    train, sentences = wanted.train, len(data.train)
    epochs = train.epochs_of(sentences, data.num_labels)
    training = {
        "epochs": epochs,
        "steps": epochs * train.steps_of(sentences),
        "chosen": train.epochs == "auto",
    }
    prepared.save(data, FOLDER)
    write_json(REPORT, report | {"training": training, "batching": batching})
    if gone := clear(Path(), data, FOLDER):
        print(told(gone))
    for source in report["sources"].values():
        gaps = {why: source["dropped"][why] for why in ("empty", "without_label")}
        if any(gaps.values()):
            words = f"{gaps['empty']} without text, {gaps['without_label']} without label"
            print(f"left out of {source['name']}: {words} (of {source['rows']} rows)")
    sizes = ", ".join(f"{name} {len(getattr(data, name))}" for name in prepared.SPLITS)
    items = columns_words(wanted.data.text) if "pairs_of" in report else "sentences"
    kind = f"{data.num_labels} classes of {items}" if data.label_names else f"numbers of {items}"
    print(f"prepared {kind}: {sizes}; compared by {metric}")
    if uneven := balance_words(report["splits"]["train"].get("class_shares", {}), metric):
        print(uneven)
    if cut_off(report["splits"]["train"]):
        pairs = "pairs_of" in report
        tokenizer = Tokenizer(wanted.model.name, wanted.data.max_length, pairs=pairs)
        print(cut_words(report["splits"]["train"], wanted.data.max_length, tokenizer.limit))
    print(f"training: {steps_words(sentences, train.batch_size, epochs, data.num_labels)}")


if __name__ == "__main__":
    run(main)
