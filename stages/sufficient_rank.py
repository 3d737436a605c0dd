"""Stage sufficient_rank: which rank is enough, chosen on validation and told on test.

Reads `metrics/runs/` and `metrics/logits/`; writes
`metrics/sufficient_rank.json`.
"""

from __future__ import annotations

from study.analyses.results.sweep import read_sweep
from study.analyses.sufficiency.record import sufficient_rank
from study.analyses.sufficiency.validation import read_validation
from study.entry import command
from study.entry.sections import load
from study.records.json_file import write_json
from study.settings.lora import LORA
from study.settings.seeds import SEEDS
from study.settings.statistics import STATISTICS


def main() -> None:
    """Run the stage."""
    chosen = load(SEEDS, LORA, STATISTICS)
    results, validation = read_sweep(chosen), read_validation(chosen)
    record = sufficient_rank(results, validation, chosen.statistics)
    write_json("metrics/sufficient_rank.json", record)


if __name__ == "__main__":
    command.run(main)
