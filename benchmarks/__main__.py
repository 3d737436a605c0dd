"""`python -m benchmarks`: measure side by side, print a table, write the result and a figure."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from benchmarks import figure, report
from benchmarks.measure import measure
from study.entry import command
from study.pages.figures import style
from study.records.json_file import write_json
from study.settings import whole as settings

RESULTS = Path("benchmarks/results")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the result")
    parser.add_argument("--sentences", type=int, help="the most of each split")
    parser.add_argument(
        "--quick", action="store_true", help="few steps and sentences: shows that all works"
    )
    given = parser.parse_args()
    chosen = settings.load()
    sentences = given.sentences
    if given.quick and sentences is None:
        sentences = 8 * chosen.train.batch_size
    found = measure(chosen, sentences, given.quick)
    print(report.table(found))
    stem = ("quick-" if given.quick else "") + slug(found["machine"]["device"])
    write_json(given.out / f"{stem}.json", found)
    with style.styled():
        style.save(figure.draw(found), given.out / stem)
    print(f"\nwritten: {given.out / stem}.json, .png, .svg")


def slug(device: str) -> str:
    """Return a device's name fit for a file: "Intel(R) Xeon(R)" gives "intel-xeon"."""
    plain = re.sub(r"\((?:r|tm|c)\)", " ", device.lower())
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-") or "unknown"


if __name__ == "__main__":
    command.run(main)
