"""Stage learning_rate: the best rate by rank, and what one rate for all ranks would turn over.

Reads `metrics/runs/`; writes `metrics/learning_rate.json`.
"""

from __future__ import annotations

from stages import cli
from study import settings
from study.learning_rates import learning_rates
from study.records import write_json
from study.results import read_sweep


def main() -> None:
    """Run the stage."""
    chosen = settings.load()
    record = learning_rates(read_sweep(chosen), chosen.lora.scaling, chosen.statistics)
    write_json("metrics/learning_rate.json", record)


if __name__ == "__main__":
    cli.run(main)
