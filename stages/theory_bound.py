"""Stage theory_bound: what an update of every rank can reach in the linear model, in closed form.

Reads the `theory` settings; writes metrics/theory_bound.json. It trains nothing and knows no LoRA
layer, so that a change of the layer leaves it alone.

All losses and risks are squared errors summed over the outputs, averaged over rows, the noise
included. "By rank" lists hold ranks 0 (the frozen base alone) to min(out_features, in_features):

    settings, seeds         what the file was computed for
    ranks                   [0, 1, ..., p]
    inputs.INPUT            INPUT: isotropic | anisotropic
      condition_number      of the inputs' covariance Sigma
      singular_values       of Delta Sigma^1/2, Delta = W* - W0 (p values)
      population
        floor               out_features * noise^2, the risk of W* itself
        bound               by rank: the smallest risk
        truncation          by rank: the risk of Delta's plain singular value truncation
        truncation_over_bound   by rank: the ratio of both above the floor; null at the floor
      reduced_rank_regression   the population risk of the best rank-r fit to a sample: a U curve
        formula, measured   by rank; measured is the mean over seeds
        best_rank_formula, best_rank_measured   where they are smallest
      least_squares         formula, measured: the same for the fit without a constraint on rank
      samples               one per seed
        seed, fingerprint   of the sample
        bound               by rank: the smallest train loss, exactly
        truncation          by rank: the train loss of Delta's plain truncation
        optimum_risk        by rank: the population risk of the fit that reaches `bound`
"""

from __future__ import annotations

from study.entry.command import run
from study.entry.sections import load
from study.records.json_file import write_json
from study.settings.theory import THEORY
from study.theory.bound_record import bound_record

OUTPUT = "metrics/theory_bound.json"


def main() -> None:
    """Compute the bounds of the settings' linear problems."""
    write_json(OUTPUT, bound_record(load(THEORY).theory))


if __name__ == "__main__":
    run(main)
