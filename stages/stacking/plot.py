"""Stage plot of stacking/: the figure of stacking/metrics/stacking.json, as PNG and SVG."""

from __future__ import annotations

from study.entry import command
from study.pages.figures import style
from study.records.json_file import read_json
from study.studies.stacking.answers import figure


def main() -> None:
    """Draw it."""
    with style.styled():
        record = read_json("stacking/metrics/stacking.json")
        style.save(figure.draw(record), "stacking/plots/stacking")


if __name__ == "__main__":
    command.run(main)
