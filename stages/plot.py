"""Stage plot: the figures, as PNG and SVG, and the rows behind the two of theory.

The rows behind three of the figures are `aggregate`'s, and the analyses' figures are drawn from
their records, so that a change of the look reruns nothing but this stage and the report.
"""

from __future__ import annotations

from study.entry import command
from study.pages.figures import style
from study.pages.figures.catalogue import FIGURES
from study.pages.figures.theory_rows import bound_rows, scaling_rows
from study.records.json_file import read_json, write_json

PATHS = {
    **{
        name: f"metrics/{name}.json"
        for name in (
            *("summary", "theory_bound", "theory", "sufficient_rank", "capacity", "spectra"),
            *("rules_of_thumb", "agreement", "learning_rate"),
        )
    },
    **{name: f"plots/{name}.json" for name in ("rank_curve", "pareto", "dynamics")},
}


def main() -> None:
    """Draw everything there is to draw."""
    records = {name: read_json(path) for name, path in PATHS.items()}
    write_json("plots/theory_bound.json", bound_rows(records["theory_bound"], records["theory"]))
    write_json("plots/theory_scalings.json", scaling_rows(records["theory"]))
    with style.styled():
        for name, figure in FIGURES.items():
            style.save(figure.draw(records), f"plots/{name}")


if __name__ == "__main__":
    command.run(main)
