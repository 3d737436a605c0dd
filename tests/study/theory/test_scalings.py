"""What scaling B A does to training, against what the formulas say it must."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest
import torch

from study.entry.errors import StudyError
from study.settings.whole import load
from study.theory.adapter import adapt
from study.theory.bounds import sample_bound
from study.theory.problem import Array, isotropic
from study.theory.scalings import SCALES, ScalingRun, Trajectory, curve_steps, train
from study.theory.setup import Problem, problems
from tests.study.theory import cases

DEFAULTS = Path(__file__).parents[3] / "params.yaml"


def test_the_scalings_agree_at_rank_one_and_spread_with_the_rank() -> None:
    assert {scale(2.0, 1) for scale in SCALES.values()} == {2.0}
    at_sixteen = {name: scale(2.0, 16) for name, scale in SCALES.items()}
    assert at_sixteen == {"fixed": 0.125, "rslora": 0.5, "proportional": 2.0}


def test_curves_are_read_before_the_first_step_and_after_the_last() -> None:
    assert curve_steps(1) == [0, 1]
    assert curve_steps(20) == [0, 1, 2, 3, 4, 6, 8, 11, 16, 20]


@pytest.mark.parametrize("scaling", SCALES)
def test_the_first_step_is_what_the_formulas_say(scaling: str) -> None:
    """With G = -2 E^T X / n: |s G A^T| is the gradient; the loss drops by eta s^2 |G A^T|^2
    under gradient descent and by eta s sum |G A^T| under Adam."""
    sample, rate = cases.sample(), 1e-7
    gradient = -2 * sample.residual.T @ sample.x / len(sample.x)
    for rank in (1, 3, 6):
        s = SCALES[scaling](0.7, rank)
        factor_a = adapt(cases.teacher(), [rank], [s], [sample.seed]).lora_A[0].detach().numpy()
        slope = gradient @ factor_a.T
        drops = {"sgd": (s * slope) ** 2, "adam": np.abs(s * slope)}
        for optimizer, drop in drops.items():
            (path,) = train(
                cases.teacher(),
                [ScalingRun(scaling, rank, sample)],
                alpha=0.7,
                optimizer=optimizer,
                learning_rate=rate,
                steps=1,
            )
            assert path.loss[0] == pytest.approx(sample_bound(sample)[0], rel=1e-12)
            assert path.gradient_norm[0] == pytest.approx(np.linalg.norm(s * slope), rel=1e-10)
            assert path.update_norm[0] == 0
            assert path.loss[0] - path.loss[1] == pytest.approx(rate * drop.sum(), rel=1e-4)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_runs_side_by_side_go_as_they_would_alone(optimizer: str) -> None:
    samples = [cases.sample(seed=seed) for seed in (0, 1)]
    runs = [ScalingRun(name, rank, s) for name in SCALES for rank in (1, 4) for s in samples]
    together = steps(runs, optimizer)
    for run, path in zip(runs, together, strict=True):
        (alone,) = steps([run], optimizer)
        np.testing.assert_allclose(path.update, alone.update, rtol=1e-5, atol=1e-9)
        np.testing.assert_allclose(path.loss, alone.loss, rtol=1e-6)
    for path, again in zip(together, steps(runs, optimizer), strict=True):
        assert np.array_equal(path.update, again.update)


def test_a_run_that_diverges_is_named() -> None:
    sample = cases.sample(seed=5)
    runs = [ScalingRun("fixed", 2, sample), ScalingRun("proportional", 6, sample)]
    with pytest.raises(StudyError, match=r"theory\.sgd_learning_rate") as caught:
        train(cases.teacher(), runs, alpha=1.0, optimizer="sgd", learning_rate=1.5, steps=400)
    assert "proportional rank 6 seed 5" in str(caught.value)


def test_fixed_alpha_makes_high_ranks_look_poor_under_gradient_descent() -> None:
    paths, ranks = default_paths("sgd")
    # A larger rank can reach a smaller loss, yet with alpha / r it ends at a larger one, ...
    fixed_loss = final(paths["fixed"], "loss")
    assert np.all(np.diff(fixed_loss[ranks >= 4]) > 0)
    assert fixed_loss[-1] > fixed_loss[0]
    # ... as its update stays small; ...
    norms = {name: final(own, "update_norm") for name, own in paths.items()}
    assert np.all(np.diff(norms["fixed"][ranks >= 4]) < 0)
    assert norms["fixed"][-1] < 0.1 * norms["proportional"][-1]
    assert np.all(np.diff(norms["proportional"]) > 0)
    # ... with alpha proportional to the rank, more rank is less loss.
    assert np.all(np.diff(final(paths["proportional"], "loss")) < 0)
    for low, high in (("fixed", "rslora"), ("rslora", "proportional")):
        assert np.all(norms[low][1:] < norms[high][1:])


def test_adam_hides_most_of_the_artefact() -> None:
    paths, _ = default_paths("adam")
    for own in paths.values():
        assert np.all(np.diff(final(own, "loss")) < 0)
    fixed, proportional = (final(paths[n], "update_norm") for n in ("fixed", "proportional"))
    assert np.all(fixed > 0.8 * proportional)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_the_gradient_at_the_start_goes_as_scale_times_the_root_of_the_rank(
    optimizer: str,
) -> None:
    paths, ranks = default_paths(optimizer)
    for name, exponent in {"fixed": -0.5, "rslora": 0.0, "proportional": 0.5}.items():
        start = np.array([path.gradient_norm[0] for path in paths[name]])
        slope = np.polyfit(np.log(ranks), np.log(start), 1)[0]
        assert slope == pytest.approx(exponent, abs=0.1)


def steps(runs: list[ScalingRun], optimizer: str) -> list[Trajectory]:
    return train(
        cases.teacher(), runs, alpha=1.0, optimizer=optimizer, learning_rate=0.01, steps=25
    )


@functools.cache
def default_paths(optimizer: str) -> tuple[dict[str, list[Trajectory]], Array]:
    """Train the default settings' first seed; return paths by scaling, in order of the ranks."""
    theory = load(DEFAULTS).theory
    problem: Problem = next(iter(problems(theory)))
    assert np.array_equal(problem.inputs.root, isotropic(theory.in_features).root)
    runs = [ScalingRun(name, rank, problem.samples[0]) for name in SCALES for rank in theory.ranks]
    rate = {"sgd": theory.sgd_learning_rate, "adam": theory.adam_learning_rate}[optimizer]
    paths = train(
        problem.teacher,
        runs,
        alpha=theory.alpha,
        optimizer=optimizer,
        learning_rate=rate,
        steps=theory.steps,
    )
    by_scaling = {
        name: [path for run, path in zip(runs, paths, strict=True) if run.scaling == name]
        for name in SCALES
    }
    return by_scaling, np.array(theory.ranks)


def final(paths: list[Trajectory], curve: str) -> Array:
    return np.array([getattr(path, curve)[-1] for path in paths])


def test_training_leaves_the_number_of_threads_alone() -> None:
    before = torch.get_num_threads()
    steps([ScalingRun("fixed", 1, cases.sample())], "sgd")
    assert torch.get_num_threads() == before
