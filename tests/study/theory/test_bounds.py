"""The closed forms equal what they stand for: numerical optima, other formulas, simulation."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.theory.bounds import (
    least_squares_risk,
    population_bound,
    population_optimum,
    population_risk,
    reduced_rank_risk,
    sample_bound,
    sample_optima,
    singular_values,
    train_loss,
    truncation,
)
from study.theory.problem import Array, Inputs, Teacher, draw_sample, isotropic
from tests.study.theory import cases

RANKS = range(7)  # of the default teacher, 6 by 9


@pytest.mark.parametrize("condition_number", [1.0, 30.0, 1e4])
@pytest.mark.parametrize("true_rank", [None, 3])
def test_both_forms_of_the_population_optimum_agree_and_reach_the_bound(
    condition_number: float, true_rank: int | None
) -> None:
    teacher, inputs = cases.teacher(true_rank=true_rank), cases.inputs(9, condition_number)
    bound = population_bound(teacher, inputs)
    for rank in RANKS:
        optimum = population_optimum(teacher, inputs, rank)
        weighted = truncation(teacher.delta @ inputs.root, rank)
        inverse_form = weighted @ np.linalg.inv(inputs.root)
        if true_rank is None or rank <= true_rank:  # beyond, the extra directions are arbitrary
            assert_close(optimum, inverse_form, teacher.delta)
        assert np.linalg.matrix_rank(optimum, tol=1e-10) <= rank
        assert population_risk(optimum, teacher, inputs) == pytest.approx(bound[rank], rel=1e-10)


def test_alternating_least_squares_ends_at_the_population_bound() -> None:
    teacher, inputs = cases.teacher(), cases.inputs()
    rng = np.random.default_rng(0)
    covariance = inputs.root @ inputs.root
    for rank in (1, 2, 4):
        factor_b = rng.standard_normal((6, rank))
        for _ in range(3000):
            # The best A for this B, then the best B for that A: both are linear problems.
            factor_a = np.linalg.lstsq(factor_b, teacher.delta, rcond=None)[0]
            gram = factor_a @ covariance @ factor_a.T
            factor_b = np.linalg.solve(gram, factor_a @ covariance @ teacher.delta.T).T
        reached = population_risk(factor_b @ factor_a, teacher, inputs)
        assert reached == pytest.approx(population_bound(teacher, inputs)[rank], rel=1e-10)


@given(seed=st.integers(0, 2**32 - 1), rank=st.integers(0, 6))
def test_no_update_of_that_rank_beats_either_bound(seed: int, rank: int) -> None:
    rng = np.random.default_rng(seed)
    teacher, inputs, sample = cases.teacher(), cases.inputs(), cases.sample()
    anything = cases.low_rank(rng, (6, 9), rank)
    near = sample_optima(sample)[rank]
    left, right = (np.eye(n) + 1e-3 * rng.standard_normal((n, n)) for n in (6, 9))
    for update in (anything, left @ near @ right):
        assert train_loss(update, sample) >= sample_bound(sample)[rank] * (1 - 1e-12)
        risk = population_risk(update, teacher, inputs)
        assert risk >= population_bound(teacher, inputs)[rank] * (1 - 1e-12)


def test_population_risk_is_the_mean_squared_error_of_fresh_data() -> None:
    teacher, inputs = cases.teacher(), cases.inputs()
    update = cases.low_rank(np.random.default_rng(5), (6, 9), 2)
    fresh = draw_sample(teacher, inputs, 200_000, seed=9)
    errors = np.sum((fresh.residual - fresh.x @ update.T) ** 2, axis=1)
    standard_error = errors.std() / np.sqrt(len(errors))
    assert abs(errors.mean() - population_risk(update, teacher, inputs)) < 4 * standard_error


def test_plain_truncation_is_optimal_for_isotropic_inputs() -> None:
    teacher, inputs = cases.teacher(), isotropic(9)
    np.testing.assert_allclose(
        truncation_risks(teacher, inputs), population_bound(teacher, inputs), rtol=1e-12
    )


def test_plain_truncation_is_optimal_when_the_covariance_shares_its_basis_in_order() -> None:
    teacher = cases.teacher()
    shared = along_right_singular_vectors(teacher, np.geomspace(50, 1, 9))
    np.testing.assert_allclose(
        truncation_risks(teacher, shared), population_bound(teacher, shared), rtol=1e-12
    )


def test_plain_truncation_is_worse_when_the_covariance_reverses_the_order() -> None:
    teacher = cases.teacher()
    reversed_order = along_right_singular_vectors(teacher, np.geomspace(1, 50, 9))
    assert np.all(truncation_over_bound(teacher, reversed_order) > 1.03)


def test_plain_truncation_is_worse_for_a_covariance_in_another_basis() -> None:
    teacher, inputs = cases.teacher(), cases.inputs()
    assert np.all(truncation_over_bound(teacher, inputs) > 1.01)


@pytest.mark.parametrize("condition_number", [1.0, 30.0])
def test_the_sample_bound_equals_the_formula_with_a_matrix_root(condition_number: float) -> None:
    sample = cases.sample(condition_number=condition_number)
    solution = np.linalg.lstsq(sample.x, sample.residual, rcond=None)[0].T
    values, basis = np.linalg.eigh(sample.x.T @ sample.x / len(sample.x))
    root = (basis * np.sqrt(values)) @ basis.T
    tail = np.linalg.svd(solution @ root, compute_uv=False) ** 2
    bound = sample_bound(sample)
    for rank in RANKS:
        expected = train_loss(solution, sample) + tail[rank:].sum()
        assert bound[rank] == pytest.approx(expected, rel=1e-10)


def test_the_sample_optima_reach_the_sample_bound_with_that_rank() -> None:
    sample = cases.sample()
    for rank, optimum in enumerate(sample_optima(sample)):
        assert np.linalg.matrix_rank(optimum, tol=1e-10) == rank
        assert train_loss(optimum, sample) == pytest.approx(sample_bound(sample)[rank], rel=1e-10)


def test_the_sample_bound_starts_at_the_base_and_falls_with_the_rank() -> None:
    sample = cases.sample()
    bound = sample_bound(sample)
    assert bound[0] == pytest.approx(np.sum(sample.residual**2) / len(sample.x), rel=1e-12)
    assert np.all(np.diff(bound) < 0)


def test_least_squares_risk_agrees_with_simulation() -> None:
    teacher, inputs, samples = cases.teacher(), cases.inputs(), 24
    risks = simulated_risks(teacher, inputs, samples, rank=6, draws=400)
    standard_error = risks.std() / np.sqrt(len(risks))
    assert abs(risks.mean() - least_squares_risk(teacher, samples)) < 4 * standard_error


def test_reduced_rank_risk_is_least_squares_risk_at_full_rank() -> None:
    teacher, inputs = cases.teacher(), cases.inputs()
    last = reduced_rank_risk(teacher, inputs, 24)[-1]
    assert last == pytest.approx(least_squares_risk(teacher, 24), rel=1e-12)


def test_reduced_rank_risk_is_near_simulation_at_the_true_rank() -> None:
    # Little noise: the formula supposes that the true directions are found.
    teacher = dataclasses.replace(cases.teacher(true_rank=2), noise=0.05)
    inputs, samples = cases.inputs(), 100
    formula = reduced_rank_risk(teacher, inputs, samples)[2] - teacher.floor
    measured = simulated_risks(teacher, inputs, samples, rank=2, draws=300) - teacher.floor
    assert measured.mean() == pytest.approx(formula, rel=0.03)


def test_risk_is_a_u_curve_in_the_rank_and_train_loss_is_none() -> None:
    teacher = cases.teacher(true_rank=2)
    inputs, samples = cases.inputs(), 20
    formula = reduced_rank_risk(teacher, inputs, samples)
    measured = np.array(
        [simulated_risks(teacher, inputs, samples, rank, draws=50).mean() for rank in RANKS]
    )
    for curve in (formula, measured):
        best = int(np.argmin(curve))
        assert 0 < best <= 2
        assert np.all(np.diff(curve[: best + 1]) < 0)
        assert np.all(np.diff(curve[best:]) > 0)


def assert_close(actual: Array, expected: Array, scale: Array) -> None:
    assert np.linalg.norm(actual - expected) <= 1e-10 * np.linalg.norm(scale)


def truncation_risks(teacher: Teacher, inputs: Inputs) -> Array:
    risks = [population_risk(truncation(teacher.delta, r), teacher, inputs) for r in RANKS]
    return np.array(risks)


def truncation_over_bound(teacher: Teacher, inputs: Inputs) -> Array:
    """Excess risk of plain truncation over the bound's, at ranks 1 to 5."""
    excess = truncation_risks(teacher, inputs)[1:6] - teacher.floor
    return excess / (population_bound(teacher, inputs)[1:6] - teacher.floor)


def along_right_singular_vectors(teacher: Teacher, variances: Array) -> Inputs:
    """Inputs with these variances along delta's right singular vectors, the first one first."""
    right = np.linalg.svd(teacher.delta)[2]
    inputs = Inputs("shared basis", float("nan"), (right.T * np.sqrt(variances)) @ right)
    assert len(singular_values(teacher, inputs)) == 6
    return inputs


def simulated_risks(teacher: Teacher, inputs: Inputs, samples: int, rank: int, draws: int) -> Array:
    """Population risk of the best fit of this rank, for each of many samples."""
    fits = (
        sample_optima(draw_sample(teacher, inputs, samples, seed))[rank] for seed in range(draws)
    )
    return np.array([population_risk(fit, teacher, inputs) for fit in fits])
