"""Stage agreement: do arms of like accuracy give like answers?

Reads metrics/runs/ and metrics/logits/. Writes metrics/agreement.json:
disagreement with full fine-tuning, divergence of outputs, and calibration, on test sentences.
"""

from __future__ import annotations

from stages import cli
from study import settings
from study.agreement.record import agreement, read_test_logits
from study.records import write_json
from study.results import read_sweep


def main() -> None:
    """Compare the arms' predictions and outputs."""
    chosen = settings.load()
    results = read_sweep(chosen)
    record = agreement(results, read_test_logits(results), chosen.statistics)
    write_json("metrics/agreement.json", record)
    print(record["disagreement"]["answer"] + ".")


if __name__ == "__main__":
    cli.run(main)
