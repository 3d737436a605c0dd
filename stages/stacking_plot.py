"""Stage stacking_plot: the figure of stacking/metrics/stacking.json, as PNG and SVG."""

from __future__ import annotations

from stages import cli
from study.figures import stacking, style
from study.records import read_json


def main() -> None:
    """Draw it."""
    with style.styled():
        record = read_json("stacking/metrics/stacking.json")
        style.save(stacking.draw(record), "stacking/plots/stacking")


if __name__ == "__main__":
    cli.run(main)
