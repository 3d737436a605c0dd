"""The linear problem is what its settings say, and a seed draws it the same every time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.theory.problem import anisotropic, draw_sample, draw_teacher, isotropic
from tests.study.theory import cases


@given(st.integers(1, 8), st.integers(1, 8), st.floats(0.3, 1.0), st.one_of(st.none(), st.just(1)))
def test_the_difference_has_the_spectrum_and_rank_of_the_settings(
    rows: int, columns: int, decay: float, true_rank: int | None
) -> None:
    teacher = draw_teacher(
        out_features=rows, in_features=columns, true_rank=true_rank, decay=decay, noise=1.0
    )
    rank = true_rank or min(rows, columns)
    values = np.linalg.svd(teacher.delta, compute_uv=False)
    assert teacher.base.shape == teacher.delta.shape == (rows, columns)
    np.testing.assert_allclose(values[:rank], decay ** np.arange(rank), rtol=1e-10)
    np.testing.assert_allclose(values[rank:], 0, atol=1e-12)


def test_anisotropic_inputs_have_the_condition_number_and_unit_mean_variance() -> None:
    inputs = anisotropic(12, 500.0)
    values = np.linalg.eigvalsh(inputs.root @ inputs.root)
    assert values[-1] / values[0] == pytest.approx(500)
    assert values.mean() == pytest.approx(1)
    np.testing.assert_allclose(inputs.root, inputs.root.T, atol=1e-14)


def test_samples_follow_the_model() -> None:
    teacher, inputs = cases.teacher(), cases.inputs()
    sample = draw_sample(teacher, inputs, 40_000, seed=3)
    noise = sample.y - sample.x @ (teacher.base + teacher.delta).T
    assert noise.std() == pytest.approx(teacher.noise, rel=0.01)
    covariance = sample.x.T @ sample.x / len(sample.x)
    np.testing.assert_allclose(covariance, inputs.root @ inputs.root, atol=0.1)
    np.testing.assert_allclose(sample.residual, sample.y - sample.x @ teacher.base.T)


def test_a_seed_draws_the_same_sample_again_and_another_seed_another() -> None:
    first, again, other = cases.sample(seed=1), cases.sample(seed=1), cases.sample(seed=2)
    assert np.array_equal(first.x, again.x)
    assert np.array_equal(first.y, again.y)
    assert not np.array_equal(first.x, other.x)


def test_both_kinds_of_input_see_the_same_noise() -> None:
    teacher = cases.teacher()
    plain = draw_sample(teacher, isotropic(9), 20, seed=1)
    skewed = draw_sample(teacher, cases.inputs(), 20, seed=1)
    weight = teacher.base + teacher.delta
    np.testing.assert_allclose(
        plain.y - plain.x @ weight.T, skewed.y - skewed.x @ weight.T, atol=1e-12
    )
