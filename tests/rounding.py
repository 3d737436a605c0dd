"""How far fp32 results of one computation may lie apart: what rounding does on any processor.

Kernels for other instruction sets add the same terms in another order, and fuse a product with a
sum or do not. Each such step rounds by up to half a unit in the last place of what it adds, however
small the result. So a bound is a number of roundings, of the largest number that is rounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

FP32 = torch.finfo(torch.float32).eps  # a unit in the last place of 1: 1.2e-7
# Seen on an EPYC: 2.5 (1.4e-6 of a loss of 4.67).
LOSS_ROUNDINGS = 8.0
LOGIT_ROUNDINGS = 8.0  # of the sums of a toy model, whose rows are 16 to 24 wide


def near_losses(expected: Sequence[float], roundings: float = LOSS_ROUNDINGS) -> Any:
    """Give what equals (==) losses of the same steps, but for so many roundings each.

    A loss is made of logits: where one sentence's is large, those of others are rounded as its is.
    So the roundings are of the largest loss, or of 1 where all are smaller.
    """
    return pytest.approx(list(expected), rel=0, abs=roundings * FP32 * max(1.0, *expected))


def check_near(actual: Tensor, expected: Tensor, roundings: float, msg: str | None = None) -> None:
    """Fail unless tensors are equal, but for so many roundings of the largest number expected.

    Or of 1 where that is less: what is added up, normalised states for one, is of that order.
    """
    largest = max(1.0, float(expected.detach().abs().max()))
    torch.testing.assert_close(actual, expected, rtol=0, atol=roundings * FP32 * largest, msg=msg)
