"""Stage claims: what the seed documents conclude, suppose and ask, tested on the study's numbers.

Reads `metrics/runs/` and the records of the analyses; writes

    metrics/claims.json     a list, a row a claim: claim, source (the seed document and section),
                            verdict ("holds", "does not hold" or "cannot be told") and numbers,
                            which the verdict rests on: the statement that was `tested` with the
                            interval it was tested with, what it was `decided_by`, and `why` in
                            words, which names the command that would tell what this study cannot
    metrics/verdicts.json   the verdicts by the claims' short names, and how many there are of each:
                            what `dvc metrics show` prints and `dvc metrics diff` compares, as DVC
                            shows no list

Accuracy is in points. Nothing is timed and nothing is trained here.
"""

from __future__ import annotations

from study.claims.evidence import read_study
from study.claims.judge import claims_record, verdicts_record
from study.claims.list import CLAIMS
from study.entry import command
from study.entry.sections import load
from study.records.json_file import write_json
from study.settings.lora import LORA
from study.settings.seeds import BLOCKS, SEEDS
from study.settings.statistics import STATISTICS


def main() -> None:
    """Judge every claim of the list."""
    rows = claims_record(CLAIMS, read_study(load(SEEDS, BLOCKS, LORA, STATISTICS)))
    verdicts = verdicts_record(CLAIMS, rows)
    write_json("metrics/claims.json", rows)
    write_json("metrics/verdicts.json", verdicts)
    for row in rows:
        print(f"{row['verdict']:14}  {row['claim']}")
    counts = {key: value for key, value in verdicts["claims"].items() if key != "all"}
    print(f"{len(rows)} claims: " + ", ".join(f"{n} {verdict}" for verdict, n in counts.items()))


if __name__ == "__main__":
    command.run(main)
