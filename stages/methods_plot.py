"""Stage methods_plot of methods/: the figure of the comparison, as PNG and SVG.

Reads methods/metrics/comparison.json. Writes methods/plots/methods.png and .svg.
"""

from __future__ import annotations

from stages import cli
from study.figures import methods, style
from study.records import read_json


def main() -> None:
    """Draw the methods."""
    record = read_json("methods/metrics/comparison.json")
    with style.styled():
        style.save(methods.draw(record), "methods/plots/methods")


if __name__ == "__main__":
    cli.run(main)
