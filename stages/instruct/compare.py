"""Stage compare of instruct/dvc.yaml: from every arm's runs to the answers.

Reads data.json, base.json, full.json, ranks/rank_*/run_data.json and generated.json; writes
all_results.json, rank_comparison.png (and .svg) and the results README.md, which shows the seconds
of machine/ as they stand.
"""

from __future__ import annotations

from pathlib import Path

from study.entry import command
from study.entry.errors import StudyError
from study.entry.sections import load
from study.pages.figures import style
from study.records.arm_names import FULL
from study.records.json_file import read_json, write_json
from study.settings.seeds import SEEDS
from study.studies.instruct.answers import figure
from study.studies.instruct.answers.answer import QUESTIONS, answer
from study.studies.instruct.answers.compare import Arm
from study.studies.instruct.answers.page import page
from study.studies.instruct.answers.results import compare, read_results
from study.studies.instruct.settings.compare import COMPARE
from study.studies.instruct.settings.lora import LORA


def main() -> None:
    """Compare full fine-tuning and exactly the ranks that params.yaml names."""
    chosen = load(SEEDS, LORA, COMPARE)
    base, arms = read_results(chosen)
    record = compare(chosen, base, arms, read_json("data.json"), read_json("generated.json"))
    write_json("all_results.json", record)
    with style.styled():
        style.save(figure.draw(record), "rank_comparison")
    seconds = _seconds(tuple(arms))
    Path("README.md").write_text(page(record, seconds), encoding="utf-8")
    for question, told in zip(QUESTIONS, answer(record), strict=True):
        print(f"{question} {told.replace('**', '')}")


def _seconds(arms: tuple[Arm, ...]) -> dict[Arm, float]:
    """Return what each arm's stage took where it was measured."""
    found = {}
    for arm in arms:
        name = FULL if arm == FULL else f"rank_{arm}"
        try:
            found[arm] = float(read_json(f"machine/{name}.json")["seconds"])
        except (StudyError, KeyError, TypeError):
            continue
    return found


if __name__ == "__main__":
    command.run(main)
