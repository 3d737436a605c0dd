"""Stage check: settings that cannot work stop here, before any other stage is touched.

DVC removes a stage's outputs before it runs it, and a rank that is too large for the model would
show only after the other arms were trained. So every stage stands behind this one. It reads all of
params.yaml; writes metrics/checked.json, which changes with how batches are computed alone, so that
a changed setting reaches the stages that read it and no others. The other pipelines check what is
theirs alone.

It finds how the model's batches are to be computed, so that what is measured is what transformers
computes (see `study.feasibility.batching`), and says which learning rates will be tried and what a
study of this size can show, before anything is trained. What it will take is a command of its own:
it trains a few steps, which is more than a check should.
"""

from __future__ import annotations

from study.analyses.sufficiency.foreseen import beforehand
from study.entry import command
from study.feasibility.check import check, choice
from study.feasibility.rates import rates_words
from study.metrics.measure import CLASSIFICATION, REGRESSION, measure_of
from study.records.checked import CHECKED, write_checked
from study.settings import whole
from study.settings.seeds import all_seeds


def main() -> None:
    """Check the settings against each other, the sources, the model and the machine."""
    chosen = whole.load()
    found = choice(chosen)
    print(f"batches: {found.why}")
    print(rates_words(chosen, check(chosen, found.batching).config))
    sentences = chosen.data.test_size
    if sentences is not None:  # else the source tells, which nobody has read yet
        statistics, seeds = chosen.statistics, len(all_seeds(chosen.seeds, chosen.blocks))
        task = REGRESSION if chosen.data.task == REGRESSION else CLASSIFICATION
        measure = measure_of(task, statistics.metric)
        print(beforehand(seeds, sentences, statistics.margins, statistics.confidence, measure))
    print("how long all of it will take, and how much memory: `make forecast`")
    write_checked(CHECKED, found.batching, "fit each other, the model and the machine")


if __name__ == "__main__":
    command.run(main)
