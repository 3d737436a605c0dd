"""Stage sufficient_rank: which rank is enough, chosen on validation and told on test.

Reads `metrics/runs/` and `metrics/logits/`; writes
`metrics/sufficient_rank.json`.
"""

from __future__ import annotations

from stages import cli
from study import settings
from study.records import write_json
from study.results import read_sweep
from study.sufficiency.record import sufficient_rank
from study.sufficiency.validation import read_validation


def main() -> None:
    """Run the stage."""
    chosen = settings.load()
    results, validation = read_sweep(chosen), read_validation(chosen)
    record = sufficient_rank(results, validation, chosen.statistics)
    write_json("metrics/sufficient_rank.json", record)


if __name__ == "__main__":
    cli.run(main)
