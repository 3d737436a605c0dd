"""Stage plot of placement/: the figure, as PNG and SVG.

Reads placement/metrics/placement.json. Writes placement/plots/placement.png and .svg.
"""

from __future__ import annotations

from study.entry import command
from study.pages.figures import style
from study.records.json_file import read_json
from study.studies.placement.answers import figure


def main() -> None:
    """Draw the placements."""
    record = read_json("placement/metrics/placement.json")
    with style.styled():
        style.save(figure.draw(record), "placement/plots/placement")


if __name__ == "__main__":
    command.run(main)
