"""Stage learning_rate: the best rate by rank, and what one rate for all ranks would turn over.

Reads `metrics/runs/`; writes `metrics/learning_rate.json`.
"""

from __future__ import annotations

from study.analyses.learning_rates.record import learning_rates
from study.analyses.results.sweep import read_sweep
from study.entry import command
from study.entry.sections import load
from study.records.json_file import write_json
from study.settings.lora import LORA
from study.settings.seeds import SEEDS
from study.settings.statistics import STATISTICS


def main() -> None:
    """Run the stage."""
    chosen = load(SEEDS, LORA, STATISTICS)
    record = learning_rates(read_sweep(chosen), chosen.lora.scaling, chosen.statistics)
    write_json("metrics/learning_rate.json", record)


if __name__ == "__main__":
    command.run(main)
