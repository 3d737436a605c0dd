"""Products with a frozen weight are ordinary products, packed or not, whatever became of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from study.models import frozen
from study.models.frozen import FrozenLinear, can_pack
from tests.lora.models import generator

OUT, IN, ROWS = 24, 16, 7


@pytest.fixture(params=[False, True], ids=["plain", "packed"])
def packs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Both ways; where oneDNN packs no weight the second is the first again."""
    if not request.param:
        monkeypatch.setattr(frozen, "can_pack", lambda _: False)
    return bool(request.param)


def draw(*shape: int, seed: int = 0, dtype: torch.dtype = torch.bfloat16) -> Tensor:
    return torch.randn(shape, generator=generator(seed)).to(dtype)


def frozen_weight(seed: int = 0, dtype: torch.dtype = torch.bfloat16) -> nn.Parameter:
    return nn.Parameter(draw(OUT, IN, seed=seed, dtype=dtype), requires_grad=False)


def check(mine: Tensor, exact: Tensor, dtype: torch.dtype = torch.bfloat16) -> None:
    """Hold a product to its exact value within roundings of its largest element."""
    assert mine.dtype == dtype
    # Measured: bf16 0.5 roundings where all is added before the only one, 1 where it is two.
    allowed = 2 * torch.finfo(dtype).eps * exact.abs().max()
    assert float((mine.double() - exact).abs().max()) < allowed


def plus(product: Tensor, *added: Tensor | None) -> Tensor:
    return product + sum(x.double() for x in added if x is not None)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize("with_other", [False, True])
def test_products_are_plain_ones(
    packs: bool, dtype: torch.dtype, with_bias: bool, with_other: bool
) -> None:
    weight, x, grad = (
        frozen_weight(dtype=dtype),
        draw(ROWS, IN, dtype=dtype),
        draw(ROWS, OUT, dtype=dtype),
    )
    bias = draw(OUT, seed=1, dtype=dtype) if with_bias else None
    other = draw(ROWS, OUT, seed=2, dtype=dtype) if with_other else None
    other_back = draw(ROWS, IN, seed=3, dtype=dtype) if with_other else None
    given = [t for t in (weight, x, grad, bias, other, other_back) if t is not None]
    before = [t.clone() for t in given]
    held = FrozenLinear().hold(weight)
    exact = plus(x.double() @ weight.double().t(), bias, other)
    check(held.product(x, bias, other), exact, dtype)
    exact = plus(grad.double() @ weight.double(), other_back)
    check(held.product_back(grad, other_back), exact, dtype)
    assert all(torch.equal(now, then) for now, then in zip(given, before, strict=True))


def test_strided_rows_are_read_as_they_lie(packs: bool) -> None:
    weight, x, other = frozen_weight(), draw(IN, ROWS).t(), draw(OUT, ROWS, seed=2).t()
    exact = x.double() @ weight.double().t() + other.double()
    check(FrozenLinear().hold(weight).product(x, None, other), exact)


def test_what_is_held_is_packed_once(packs: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    weight, asked, decide = frozen_weight(), [], frozen.can_pack

    def asks(tensor: Tensor) -> bool:
        asked.append(tensor)
        return decide(tensor)

    monkeypatch.setattr(frozen, "can_pack", asks)
    linear = FrozenLinear()
    for _ in range(3):
        linear.hold(weight)
    assert len(asked) == 1
    with torch.no_grad():
        weight.mul_(2)
    linear.hold(weight)
    assert len(asked) == 2


def added(weight: nn.Parameter) -> nn.Parameter:
    with torch.no_grad():
        weight.add_(1)
    return weight


def replaced(weight: nn.Parameter) -> nn.Parameter:
    weight.data = frozen_weight(seed=5).data
    return weight


def cast(weight: nn.Parameter) -> nn.Parameter:
    """As `module.float()` does: the same parameter, other data."""
    module = nn.Module()
    module.weight = weight
    module.float()
    assert module.weight is weight
    return weight


def another(_: nn.Parameter) -> nn.Parameter:
    return frozen_weight(seed=5)


@pytest.mark.parametrize("change", [added, replaced, cast, another])
def test_a_weight_that_became_another_is_taken_anew(
    packs: bool, change: Callable[[nn.Parameter], nn.Parameter]
) -> None:
    weight, linear = frozen_weight(), FrozenLinear()
    before = linear.hold(weight).product(draw(ROWS, IN), None)
    weight = change(weight)
    x, grad = draw(ROWS, IN, dtype=weight.dtype), draw(ROWS, OUT, dtype=weight.dtype)
    held = linear.hold(weight)
    after = held.product(x, None)
    check(after, x.double() @ weight.double().t(), weight.dtype)
    check(held.product_back(grad), grad.double() @ weight.double(), weight.dtype)
    if change is not cast:
        assert not torch.equal(after, before)


def test_what_was_held_stays_what_it_is(packs: bool) -> None:
    linear, first, x = FrozenLinear(), frozen_weight(), draw(ROWS, IN)
    held = linear.hold(first)
    before = held.product(x, None)
    assert linear.hold(frozen_weight(seed=5)) is not held
    assert torch.equal(held.product(x, None), before)


def test_only_bf16_on_a_cpu_is_packed() -> None:
    assert not can_pack(frozen_weight(dtype=torch.float32))
    assert not can_pack(frozen_weight(dtype=torch.float16))
    assert not can_pack(torch.empty(2, 2, dtype=torch.bfloat16, device="meta"))
    here = torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    assert can_pack(frozen_weight()) == here


def test_packed_and_plain_products_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    weight, x, bias = frozen_weight(), draw(ROWS, IN), draw(OUT, seed=1)
    packed = FrozenLinear().hold(weight).product(x, bias)
    monkeypatch.setattr(frozen, "can_pack", lambda _: False)
    plain = FrozenLinear().hold(weight).product(x, bias)
    assert torch.equal(plain, F.linear(x, weight, bias))
    check(packed, plain.double())
