"""Stage agreement: do arms of like accuracy give like answers?

Reads metrics/runs/, metrics/logits/ and metrics/linear_probe.json. Writes metrics/agreement.json:
disagreement with full fine-tuning, divergence of outputs, and calibration, on test sentences.
"""

from __future__ import annotations

from study.analyses.agreement.record import agreement, read_test_logits
from study.analyses.results.sweep import read_sweep
from study.entry import command
from study.entry.sections import load
from study.probes.record import read_probe
from study.records.json_file import write_json
from study.settings.lora import LORA
from study.settings.seeds import BLOCKS, SEEDS
from study.settings.statistics import STATISTICS


def main() -> None:
    """Compare the arms' predictions and outputs."""
    chosen = load(SEEDS, BLOCKS, LORA, STATISTICS)
    results = read_sweep(chosen, blocks=chosen.blocks)
    probe = read_probe("metrics/linear_probe.json", results.head_only)
    logits = read_test_logits(results, blocks=chosen.blocks)
    record = agreement(results, probe, logits, chosen.statistics)
    write_json("metrics/agreement.json", record)
    print(record.get("undefined") or record["disagreement"]["answer"] + ".")


if __name__ == "__main__":
    command.run(main)
