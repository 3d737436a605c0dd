"""The real LoRA layer on the linear model: its starting point, its symmetries, its update."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from study.theory.adapter import adapt, losses, one_thread, tensors, updates
from study.theory.bounds import sample_bound, train_loss
from tests.study.theory import cases


def test_a_layers_loss_is_the_train_loss_of_its_update() -> None:
    sample = cases.sample()
    layer = adapt(cases.teacher(), [2, 3], [1 / 2, 1 / 3], [0, 1])
    torch.nn.init.normal_(layer.lora_B[1], generator=torch.Generator().manual_seed(0))
    x, y = tensors([sample.x, sample.x], [sample.y, sample.y])
    for loss, update in zip(losses(layer, x, y), updates(layer).numpy(), strict=True):
        assert loss.dtype == torch.float64
        assert loss.item() == pytest.approx(train_loss(update, sample), rel=1e-12)


def test_a_seed_starts_every_rank_alike() -> None:
    layer = adapt(cases.teacher(), [2, 4], [1.0, 1.0], [7, 7])
    assert torch.equal(layer.lora_A[0, :2], layer.lora_A[1, :2])
    assert torch.count_nonzero(layer.lora_A[0, 2:]) == 0
    assert torch.count_nonzero(layer.lora_B) == 0


def test_both_factors_zero_is_a_saddle_and_only_b_zero_is_not() -> None:
    sample = cases.sample()
    layer = adapt(cases.teacher(), [2], [1.0], [0])
    x, y = tensors([sample.x], [sample.y])

    losses(layer, x, y).sum().backward()
    assert torch.count_nonzero(layer.lora_A.grad) == 0  # as B is 0
    assert torch.count_nonzero(layer.lora_B.grad) == layer.lora_B.numel()

    layer.zero_grad()
    with torch.no_grad():
        layer.lora_A.zero_()
    loss = losses(layer, x, y).sum()
    loss.backward()
    assert torch.count_nonzero(layer.lora_A.grad) == 0
    assert torch.count_nonzero(layer.lora_B.grad) == 0
    assert loss.item() > 1.1 * sample_bound(sample)[2]


@pytest.mark.parametrize(("p", "q"), [(2.0, 1.0), (1.0, 4.0), (8.0, 0.5)])
def test_adam_without_epsilon_cannot_tell_alpha_from_initial_size_and_learning_rates(
    p: float, q: float
) -> None:
    """alpha / (p q), A_0 p, B_0 q, lr_A p, lr_B q walk one path.

    B starts away from 0, where A's gradient would be 0 and Adam's step 0 / 0.
    """
    plain, rescaled = walk(1.0, 1.0), walk(p, q)
    assert np.linalg.norm(plain[-1]) > 0.5
    np.testing.assert_allclose(rescaled, plain, rtol=1e-9, atol=1e-12)


def walk(p: float, q: float) -> np.ndarray:
    """Return s B A after each of 30 steps of Adam."""
    sample = cases.sample()
    layer = adapt(cases.teacher(), [3], [1.0 / (p * q)], [0])
    with torch.no_grad():
        layer.lora_A.mul_(p)
        layer.lora_B.normal_(generator=torch.Generator().manual_seed(1)).mul_(0.1 * q)
    rule = torch.optim.Adam(
        [
            {"params": [layer.lora_A], "lr": 0.02 * p},
            {"params": [layer.lora_B], "lr": 0.02 * q},
        ],
        eps=0.0,
    )
    x, y = tensors([sample.x], [sample.y])
    path = []
    for _ in range(30):
        rule.zero_grad()
        losses(layer, x, y).sum().backward()
        rule.step()
        path.append(updates(layer)[0].numpy())
    return np.array(path)


def test_one_thread_puts_the_number_of_threads_back() -> None:
    before = torch.get_num_threads()

    def inside() -> int:
        with one_thread():
            return torch.get_num_threads()

    assert inside() == 1
    assert torch.get_num_threads() == before
