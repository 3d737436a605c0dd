"""Stage compare of instruct/dvc.yaml: from every rank's runs to the answers.

Reads data.json, base.json and ranks/rank_*/run_data.json; writes all_results.json,
rank_comparison.png (and .svg) and the results README.md, which shows the seconds of machine/ as
they stand.
"""

from __future__ import annotations

from pathlib import Path

from study.entry import command
from study.entry.errors import StudyError
from study.entry.sections import load
from study.pages.figures import style
from study.records.json_file import read_json, write_json
from study.settings.seeds import SEEDS
from study.studies.instruct.answers import figure
from study.studies.instruct.answers.page import page
from study.studies.instruct.answers.results import compare, read_results
from study.studies.instruct.settings.compare import COMPARE
from study.studies.instruct.settings.lora import LORA


def main() -> None:
    """Compare exactly the ranks that params.yaml names."""
    chosen = load(SEEDS, LORA, COMPARE)
    base, records = read_results(chosen)
    record = compare(chosen, base, records, read_json("data.json"))
    write_json("all_results.json", record)
    with style.styled():
        style.save(figure.draw(record), "rank_comparison")
    seconds = _seconds(tuple(records))
    Path("README.md").write_text(page(record, seconds), encoding="utf-8")
    for entry in record["questions"]:
        print(f"{entry['question']} {entry['answer']}")


def _seconds(ranks: tuple[int, ...]) -> dict[int, float]:
    """Return what each rank's stage took where it was measured."""
    found = {}
    for rank in ranks:
        try:
            found[rank] = float(read_json(f"machine/rank_{rank}.json")["seconds"])
        except (StudyError, KeyError, TypeError):
            continue
    return found


if __name__ == "__main__":
    command.run(main)
