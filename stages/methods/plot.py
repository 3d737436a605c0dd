"""Stage plot of methods/: the figure of the comparison, as PNG and SVG.

Reads methods/metrics/comparison.json. Writes methods/plots/methods.png and .svg.
"""

from __future__ import annotations

from study.entry import command
from study.pages.figures import style
from study.records.json_file import read_json
from study.studies.methods.pages import figure


def main() -> None:
    """Draw the methods."""
    record = read_json("methods/metrics/comparison.json")
    with style.styled():
        style.save(figure.draw(record), "methods/plots/methods")


if __name__ == "__main__":
    command.run(main)
