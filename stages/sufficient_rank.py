"""Stage sufficient_rank: which rank is enough, chosen on validation and told on test.

Reads `metrics/runs/`, `metrics/logits/` and `metrics/undertraining.json`; writes
`metrics/sufficient_rank.json`. Where `statistics.looks` plans several looks at growing seeds, each
is paid for. Ranks that did not train are not recommended. Verdicts by a sharper
measure than accuracy stand beside the others, under `sharper`.
"""

from __future__ import annotations

import numpy as np

from study.analyses.results.sweep import measure_in, read_sweep
from study.analyses.results.validation import read_answers, read_arms
from study.analyses.sufficiency.looked import seen
from study.analyses.sufficiency.record import sufficient_rank
from study.analyses.sufficiency.sharper import sharper
from study.entry import command
from study.entry.sections import load
from study.records.arm_names import FULL
from study.records.arm_names import LORA as LORA_ARM
from study.records.json_file import read_json, write_json
from study.settings.lora import LORA
from study.settings.seeds import BLOCKS, SEEDS
from study.settings.statistics import STATISTICS
from study.statistics.recomputed import recomputed


def main() -> None:
    """Run the stage."""
    chosen = load(SEEDS, BLOCKS, LORA, STATISTICS)
    results, logits = (
        read_sweep(chosen, blocks=chosen.blocks),
        read_arms(chosen, blocks=chosen.blocks),
    )
    answers = read_answers(chosen, results.full.metric, blocks=chosen.blocks)
    validation = {rank: answers.merits[LORA_ARM, rank] for rank in results.lora}
    arms = read_json("metrics/undertraining.json")["arms"]
    untrained = {arm["rank"] for arm in arms if arm["arm"] == LORA_ARM and not arm["trained"]}
    looks = seen(chosen.statistics.looks, 1 + len(chosen.blocks), len(chosen.seeds))
    exact = recomputed(
        measure_in(results.full),
        np.stack([answers.answers[LORA_ARM, rank] for rank in results.lora]),
        answers.labels,
    )
    record = sufficient_rank(results, validation, untrained, chosen.statistics, exact, looks)
    lora = {rank: logits[LORA_ARM, rank] for rank in results.lora}
    by_probability = sharper(
        logits[FULL, None], lora, record["recommended"]["rank"], chosen.statistics, looks
    )
    write_json("metrics/sufficient_rank.json", record | {"sharper": by_probability})


if __name__ == "__main__":
    command.run(main)
