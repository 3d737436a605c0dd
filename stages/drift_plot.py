"""Stage drift_plot: the figure of drift/metrics/drift.json, as PNG and SVG in drift/plots/."""

from __future__ import annotations

from stages import cli
from study.figures import drift, style
from study.records import read_json


def main() -> None:
    """Draw it."""
    with style.styled():
        style.save(drift.draw(read_json("drift/metrics/drift.json")), "drift/plots/drift")


if __name__ == "__main__":
    cli.run(main)
