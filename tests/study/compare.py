"""Results of training, held together."""

from __future__ import annotations

import pytest
import torch

from study.training.loop import RunResult
from tests.rounding import LOSS_ROUNDINGS, near_losses
from tests.study.toys import lora_run

# Same seed at two rates, other seeds, and a seed whose minibatches are of another length.
RUNS = [lora_run(0, 0.01), lora_run(0, 0.003), lora_run(3, 0.01), lora_run(9, 0.02)]


each_precision = pytest.mark.parametrize("precision", ["fp32", "bf16"])


# Parameters here are below 5, and Adam's steps, of the rate of .01 and more whatever the gradient,
# magnify what rounding does to it.
STATE = 1e-5


def check_equal(
    one: RunResult, other: RunResult, loss: float = LOSS_ROUNDINGS, state: float = STATE
) -> None:
    """Hold two results of one run together.

    Args:
        loss: roundings of the largest loss; 0 for the same bits.
        state: largest difference of a parameter.
    """
    assert one.run == other.run
    assert one.loss_steps == other.loss_steps
    assert one.loss_values == near_losses(other.loss_values, loss)
    assert one.best_epoch == other.best_epoch
    for mine, theirs in zip(one.validation, other.validation, strict=True):
        assert [mine.loss] == near_losses([theirs.loss], loss)
        assert mine.score == theirs.score
    assert one.state.keys() == other.state.keys()
    for name, tensor in one.state.items():
        torch.testing.assert_close(tensor, other.state[name], atol=state, rtol=0, msg=name)
    assert torch.equal(one.test_predictions, other.test_predictions)


def far(one: RunResult, other: RunResult) -> float:
    """Return the largest difference between two results' losses."""
    return max(abs(a - b) for a, b in zip(one.loss_values, other.loss_values, strict=True))
