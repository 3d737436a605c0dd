"""Stage undertraining: which arms did not train, before anything is concluded from them.

Reads `metrics/runs/`, `metrics/logits/`, `metrics/linear_probe.json` and `metrics/data.json`;
writes `metrics/undertraining.json`, and says what did not train and with which settings to train
again.
"""

from __future__ import annotations

from study.analyses.results.sweep import read_sweep
from study.analyses.results.validation import read_answers, read_arms
from study.analyses.undertraining.record import undertraining
from study.analyses.undertraining.signs import told
from study.entry import command
from study.entry.sections import load
from study.probes.record import read_probe
from study.records.json_file import read_json, write_json
from study.settings.lora import LORA
from study.settings.seeds import BLOCKS, SEEDS
from study.settings.statistics import STATISTICS
from study.words.arms import arm_label


def main() -> None:
    """Look at every arm's training."""
    chosen = load(SEEDS, BLOCKS, LORA, STATISTICS)
    data = read_json("metrics/data.json")
    training, planned = data["splits"]["train"], data["training"]["epochs"]
    alpha = round(1 - chosen.statistics.confidence, 12)
    results = read_sweep(chosen, blocks=chosen.blocks)
    probe = read_probe("metrics/linear_probe.json", results.head_only)
    answers = read_answers(chosen, results.full.metric, blocks=chosen.blocks)
    logits = read_arms(chosen, blocks=chosen.blocks)
    outputs = {arm: list(of_arm.validation.values()) for arm, of_arm in logits.items()}
    record = undertraining(results, probe, answers, training, alpha, planned, outputs)
    write_json("metrics/undertraining.json", record)
    for arm in record["arms"]:
        if not arm["trained"]:
            signs = (told(sign, results.full.metric) for sign in arm["found"])
            print(f"{arm_label(arm['arm'], arm['rank'])}: {', '.join(signs)}")
    if record["settings"]:
        print("to train again: dvc exp run " + " ".join(f"-S {s}" for s in record["settings"]))


if __name__ == "__main__":
    command.run(main)
