"""Stage capacity: does a small rank lack room, or was it badly trained?

Reads data/prepared/, data/full/, data/adapters/ of the largest rank, and metrics/runs/; writes
metrics/capacity.json. At every rank of the sweep it compares, on the test sentences,

    truncated               full fine-tuning's update of every linear layer of the encoder (BERT's
                            pooler is one), cut down to the rank by its SVD; embeddings, norms,
                            biases and head stay as they were tuned
    weighted                the same, cut so that each layer's outputs change least on the inputs
                            that it has in the fully tuned model (E |(M - D) x|^2 is least)
    lora                    the LoRA that was trained at this rank
    largest_lora_truncated  the largest LoRA of the sweep, cut down to the rank by its SVD

with full fine-tuning itself (`full`), what is left of it when every such matrix is the pretrained
one (`rank_zero`), and full's matrices in the modules that LoRA adapts, with its head, and nothing
else of it (`target_modules_alone`).

What this can say: a truncation is an update of that rank, so that what it scores can be had at that
rank in these places. It is a lower bound: another update of the rank may be better, and one trained
at it often is, since what is cut away was not trained to be missed. Nor does the least change of
every layer's outputs, each by itself, promise the best predictions: `weighted` can lose to
`truncated`, and validation chooses which of them stands for the rank. So a truncation that is far
below full does not show that the rank lacks room, while one that is at full's level shows that it
does not. The places differ: the truncation keeps an update of every matrix, and whole tuned
embeddings, norms and biases, of which LoRA has none; `rank_zero` shows what those are worth, and
`numbers_per_rank` how many more numbers a rank of the truncation has. The largest LoRA cut down is
of LoRA's own place and form, so that where it beats the trained one, training is to blame.

    curves.CURVE            by rank: accuracy, low, high, and by_seed (fractions); gap_to_full
                            (points), paired, with gap_to_full_low and gap_to_full_high; of the
                            truncations validation_accuracy. Intervals: `study.statistics.crossed`
    full, rank_zero, target_modules_alone   the same, of lines
    readings                by rank: reading, reason, truncation (the one that is better on
                            validation), the differences (points) that they rest on, and p of every
                            question, adjusted for the ranks (`study.analyses.capacity.questions`);
                            at most alpha is a yes; meaning: what each reading says; margin: points
                            within which a gap is near
    largest_rank, confidence, seeds, sentences, validation_sentences, error_from
    modules, target_modules, numbers_per_rank
    covariance_sentences    of train, on whose tokens the weights rest
    differing               of full and of the largest LoRA, put together anew: test sentences of
                            each seed that are classified otherwise than in the run itself, by
                            another machine's rounding; more than 1 in 50 stop the stage
"""

from __future__ import annotations

from pathlib import Path

from study.analyses.capacity.compare import compare
from study.analyses.capacity.record import capacity_record
from study.analyses.results.sweep import read_sweep
from study.entry import command
from study.entry.sections import load
from study.records import prepared
from study.records.json_file import write_json
from study.settings.capacity import CAPACITY
from study.settings.lora import LORA
from study.settings.model import MODEL
from study.settings.seeds import SEEDS
from study.settings.statistics import STATISTICS
from study.settings.train import TRAIN

OUTPUT = "metrics/capacity.json"


def main() -> None:
    """Compare full fine-tuning's update at every rank with the LoRA of that rank."""
    chosen = load(SEEDS, MODEL, TRAIN, LORA, CAPACITY, STATISTICS)
    data = prepared.load("data/prepared")
    results = read_sweep(chosen)
    found = compare(chosen, data, results, Path("data/full"), Path("data/adapters"))
    record = capacity_record(found, chosen.statistics, chosen.seeds)
    wanted = chosen.capacity.covariance_sentences
    record["covariance_sentences"] = min(wanted or len(data.train), len(data.train))
    write_json(OUTPUT, record)
    for reading in record["readings"]:
        print(f"rank {reading['rank']}: {reading['reading']}. {reading['reason']}")


if __name__ == "__main__":
    command.run(main)
