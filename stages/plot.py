"""Stage plot: the figures, as PNG and SVG, and the rows behind the two of theory.

The rows behind three of the figures are `aggregate`'s, and the analyses' figures are drawn from
their records, so that a change of the look reruns nothing but this stage and the report.
"""

from __future__ import annotations

from study.entry import command
from study.pages.figures import (
    agreement,
    amplification,
    calibration,
    capacity,
    dynamics,
    intruders,
    learning_rate,
    pareto,
    rank_curve,
    rules_of_thumb,
    similarity,
    spectra,
    style,
    sufficient_rank,
    theory_bound,
    theory_scalings,
)
from study.pages.figures.theory_rows import bound_rows, scaling_rows
from study.records.json_file import read_json, write_json

# Each figure of an analysis is drawn from one record, plots/NAME from metrics/RECORD.json.
ANALYSES = {
    "sufficient_rank": (sufficient_rank, "sufficient_rank"),
    "capacity": (capacity, "capacity"),
    "spectra": (spectra, "spectra"),
    "similarity": (similarity, "spectra"),
    "amplification": (amplification, "spectra"),
    "intruders": (intruders, "spectra"),
    "rules_of_thumb": (rules_of_thumb, "rules_of_thumb"),
    "agreement": (agreement, "agreement"),
    "calibration": (calibration, "agreement"),
    "learning_rate": (learning_rate, "learning_rate"),
}


def main() -> None:
    """Draw everything there is to draw."""
    summary = read_json("metrics/summary.json")
    learned = read_json("metrics/theory.json")
    bounds = bound_rows(read_json("metrics/theory_bound.json"), learned)
    scalings = scaling_rows(learned)
    curve, arms, steps = (
        read_json(f"plots/{n}.json") for n in ("rank_curve", "pareto", "dynamics")
    )
    write_json("plots/theory_bound.json", bounds)
    write_json("plots/theory_scalings.json", scalings)
    with style.styled():
        style.save(rank_curve.draw(curve, summary), "plots/accuracy_vs_rank")
        style.save(pareto.draw(arms, summary), "plots/accuracy_vs_parameters")
        style.save(dynamics.draw(steps, summary), "plots/training_dynamics")
        style.save(theory_bound.draw(bounds), "plots/theory_bound")
        style.save(theory_scalings.draw(scalings), "plots/theory_scalings")
        for name, (module, record) in ANALYSES.items():
            style.save(module.draw(read_json(f"metrics/{record}.json")), f"plots/{name}")


if __name__ == "__main__":
    command.run(main)
