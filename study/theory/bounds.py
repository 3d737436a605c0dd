"""How well an update of rank r can do at best: in population, on a sample, and after fitting one.

The loss of an update M (d, k) is the squared error summed over the d outputs, averaged over rows.
"By rank" means an array (p + 1,) over r = 0 .. p = min(d, k); r = 0 is the frozen base alone.
"""

from __future__ import annotations

import numpy as np

from study.theory.problem import Array, Inputs, Sample, Teacher

# --- in population ----------------------------------------------------------------------------


def population_risk(update: Array, teacher: Teacher, inputs: Inputs) -> float:
    """Return |(M - Delta) Sigma^1/2|_F^2 + d noise^2."""
    error = (update - teacher.delta) @ inputs.root
    return float(np.sum(error**2)) + teacher.floor


def singular_values(teacher: Teacher, inputs: Inputs) -> Array:
    """Return the singular values of Delta Sigma^1/2, largest first (p,)."""
    return np.linalg.svd(teacher.delta @ inputs.root, compute_uv=False)


def population_bound(teacher: Teacher, inputs: Inputs) -> Array:
    """Return the smallest risk by rank: sum_{i>r} sigma_i(Delta Sigma^1/2)^2 + d noise^2.

    Source: Eckart & Young 1936, applied to Delta Sigma^1/2.
    """
    return _tails(singular_values(teacher, inputs)) + teacher.floor


def population_optimum(teacher: Teacher, inputs: Inputs, rank: int) -> Array:
    """Return the update (d, k) that reaches `population_bound`: U_r U_r^T Delta.

    U_r are the first r left singular vectors of Delta Sigma^1/2. It equals
    [Delta Sigma^1/2]_r Sigma^-1/2, without the inverse.
    """
    left = np.linalg.svd(teacher.delta @ inputs.root)[0][:, :rank]
    return _project(left, teacher.delta)


def truncation(delta: Array, rank: int) -> Array:
    """Return the first `rank` terms of delta's singular value decomposition.

    The best rank-r update only if the inputs are isotropic, or Sigma has delta's right singular
    vectors as eigenvectors and keeps their order.
    """
    left, values, right = np.linalg.svd(delta, full_matrices=False)
    update: Array = (left[:, :rank] * values[:rank]) @ right[:rank]
    return update


# --- on a sample ------------------------------------------------------------------------------


def train_loss(update: Array, sample: Sample) -> float:
    """Return |E - X M^T|_F^2 / n, with E what W0 leaves of y."""
    return float(np.sum((sample.residual - sample.x @ update.T) ** 2)) / len(sample.x)


def sample_bound(sample: Sample) -> Array:
    """Return the smallest train loss by rank, exactly.

        |E - X D^T|_F^2 / n + sum_{i>r} sigma_i(D S^1/2)^2

    with D the least-squares update and S = X^T X / n. A trained B A is held against this one, not
    against the population's.

    Source: Eckart & Young 1936 after Pythagoras, as in reduced-rank regression (Izenman 1975).
    """
    solution, triangle = _least_squares(sample)
    # triangle^T triangle = S, so D S^1/2 and D triangle^T have the same singular values.
    values = np.linalg.svd(solution @ triangle.T, compute_uv=False)
    return train_loss(solution, sample) + _tails(values)


def sample_optima(sample: Sample) -> list[Array]:
    """Return, by rank, the update (d, k) that reaches `sample_bound`: U_r U_r^T D."""
    solution, triangle = _least_squares(sample)
    left = np.linalg.svd(solution @ triangle.T)[0]
    ranks = range(min(solution.shape) + 1)
    return [_project(left[:, :rank], solution) for rank in ranks]


def _least_squares(sample: Sample) -> tuple[Array, Array]:
    """Return D (d, k) and the triangle T (k, k) with T^T T = X^T X / n."""
    basis, triangle = np.linalg.qr(sample.x)
    solution = np.linalg.solve(triangle, basis.T @ sample.residual).T
    return solution, triangle / np.sqrt(len(sample.x))


# --- after fitting a sample -------------------------------------------------------------------


def least_squares_risk(teacher: Teacher, samples: int) -> float:
    """Return the expected risk of unconstrained least squares under normal inputs.

    d noise^2 + noise^2 d k / (n - k - 1): exact, whatever Sigma, as E[S^-1] = n Sigma^-1 / (n-k-1)
    (inverse Wishart).
    """
    out_features, in_features = teacher.delta.shape
    excess = out_features * in_features / (samples - in_features - 1)
    return float(teacher.floor + teacher.noise**2 * excess)


def reduced_rank_risk(teacher: Teacher, inputs: Inputs, samples: int) -> Array:
    """Return, by rank, the risk to expect of the best rank-r fit to n samples: a U curve.

        sum_{i>r} sigma_i(Delta Sigma^1/2)^2 + noise^2 r (d + k - r) / (n - k - 1) + d noise^2

    The first term is what rank r cannot hold, the second the noise that its r (d + k - r) free
    parameters take up. First order: it supposes that the fit finds the r true directions, and is
    near at the true rank, and exact for normal inputs at r = p. Beyond the true rank the fit
    picks the largest noise directions instead of average ones, and the risk lies above.
    The usual statement divides by n; n - k - 1 is the same to first order, and exact at full rank.

    Source: Izenman 1975; Bunea, She & Wegkamp 2011, "Optimal selection of reduced rank estimators".
    """
    out_features, in_features = teacher.delta.shape
    ranks = np.arange(min(out_features, in_features) + 1)
    parameters = ranks * (out_features + in_features - ranks)
    variance = teacher.noise**2 * parameters / (samples - in_features - 1)
    risk: Array = population_bound(teacher, inputs) + variance
    return risk


def _project(basis: Array, update: Array) -> Array:
    """Return U U^T M for orthonormal columns U (d, r) and M (d, k)."""
    projected: Array = basis @ (basis.T @ update)
    return projected


def _tails(values: Array) -> Array:
    """Return sum_{i>r} values_i^2 for r = 0 .. len(values), smallest terms added first."""
    squares = np.concatenate([[0.0], np.square(values)[::-1]])
    return np.cumsum(squares)[::-1]
