"""Stage plot of drift/: the figure of drift/metrics/drift.json, as PNG and SVG in drift/plots/."""

from __future__ import annotations

from study.entry import command
from study.pages.figures import style
from study.records.json_file import read_json
from study.studies.drift.answers import figure


def main() -> None:
    """Draw it."""
    with style.styled():
        style.save(figure.draw(read_json("drift/metrics/drift.json")), "drift/plots/drift")


if __name__ == "__main__":
    command.run(main)
