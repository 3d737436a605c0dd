"""Stage theory: what a trained B A reaches in the linear model, and what its scaling does to it.

Reads the `theory` settings and metrics/theory_bound.json; writes metrics/theory.json. First every
rank is trained to convergence (L-BFGS) on every sample, and held against the sample's exact bound.
Then the three scalings of alpha are trained for a fixed number of steps by one optimiser at one
learning rate: by plain gradient descent, which shows what the scaling does to the step, and by
Adam, which hides a part of it and is what the transformer is trained with.

Losses and risks are squared errors summed over outputs, averaged over rows, the noise included.
Tables [rank][seed] follow `ranks` and `seeds`; curves [rank][step] are means over seeds.

    settings, ranks, seeds
    learned.INPUT           INPUT: isotropic | anisotropic
      bound                 [rank][seed]: the sample's smallest train loss
      train_loss            [rank][seed]
      ratio                 [rank][seed]: train_loss / bound
      worst_ratio           the largest of them
      population_risk       [rank][seed]
      distance              [rank][seed]: |s B A - M|_F / |M|_F, M the sample's optimum
      iterations            [rank][seed]
    scalings
      input                 isotropic
      steps                 where curves are read; 0 is before the first step
      optimizers.OPTIMIZER  sgd | adam
        learning_rate
        scalings.SCALING    fixed (alpha/r) | rslora (alpha/sqrt r) | proportional (alpha)
          scale             by rank: s
          train_loss, ratio, population_risk, update_norm    [rank][seed], after the last step
          unreached         [rank][seed]: (loss - bound) / (loss of the base - bound)
          gradient_norm_start, gradient_norm_end             [rank][seed]
          curves            loss, update_norm, gradient_norm: [rank][step]
"""

from __future__ import annotations

from study.entry.command import run
from study.entry.sections import load
from study.records.json_file import read_json, write_json
from study.settings.theory import THEORY
from study.theory.learned_record import learned_record, read_bounds

BOUND = "metrics/theory_bound.json"
OUTPUT = "metrics/theory.json"


def main() -> None:
    """Train the settings' linear problems, and compare with the bounds."""
    theory = load(THEORY).theory
    bounds = read_bounds(read_json(BOUND), theory, BOUND)
    record = learned_record(theory, bounds)
    write_json(OUTPUT, record)
    worst = max(learned["worst_ratio"] for learned in record["learned"].values())
    print(f"theory: the trained update's loss is at most {worst:.6f} times the exact bound")


if __name__ == "__main__":
    run(main)
