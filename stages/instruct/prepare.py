"""Stage prepare of instruct/dvc.yaml: from the source to tokenised instruction–response pairs.

Reads the source of `data.name` and the tokenizer of `model.name`; writes data/prepared/ (see
`study.records.prepared`; labels are numbers of response tokens) and the report data.json: display
names, rows, pairs and what was left out by reason, how responses end, relatives kept out of the
later splits, and of every split its pairs by kind of instruction, tokens, response tokens, lengths
and responses that were cut.

Nothing is written until everything has been read, checked and tokenised.
"""

from __future__ import annotations

from dataclasses import replace

from study.entry.command import run
from study.entry.sections import load
from study.records import prepared
from study.records.checked import read_batching
from study.records.json_file import write_json
from study.settings.model import MODEL
from study.studies.instruct.pairs.preparing import prepare
from study.studies.instruct.settings.pairs import DATA


def main() -> None:
    """Prepare the pairs of params.yaml."""
    wanted = load(DATA, MODEL)
    batching = read_batching("checked.json")
    data, report = prepare(wanted.data, wanted.model.name)
    data = replace(data, batching=batching)
    prepared.save(data, "data/prepared")
    write_json("data.json", report | {"batching": batching})
    sizes = ", ".join(f"{name} {len(getattr(data, name))}" for name in prepared.SPLITS)
    print(f"prepared instruction–response pairs: {sizes}")
    dropped = {reason: count for reason, count in report["source"]["dropped"].items() if count}
    if dropped:
        told = ", ".join(f"{reason} {count}" for reason, count in dropped.items())
        print(f"left out of {report['source']['rows']} rows: {told}")
    if report["left_open_by_template"]:
        end = report["closed_with"]
        closed = "the model has no end token" if end is None else f"each is closed with {end}"
        print(f"the chat template leaves responses open: {closed}")


if __name__ == "__main__":
    run(main)
