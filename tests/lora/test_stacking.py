"""A stack of adapters does what they do together; what does not fit together is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from peft import PeftModel
from torch import Tensor

from lora import peft_format
from lora.adapter import Adapter, extract
from lora.stacking import Part, mean_head, only, selected, stack, truncated
from tests.lora.models import FAMILIES, adapted, config, generator

NAMES = ("l.0.x", "l.0.y", "l.1.x", "l.1.y")
PEFT_WAYS = {"cat": None, "svd": 3}


def small(
    seed: int, rank: int = 2, shape: tuple[int, int] = (6, 7), names: tuple[str, ...] = NAMES
) -> Adapter:
    draw = generator(seed)

    def random(*size: int) -> Tensor:
        return torch.randn(*size, generator=draw)

    factors = {name: (random(rank, shape[1]), random(shape[0], rank)) for name in names}
    head = {"head.weight": random(2, 5), "head.bias": random(2)}
    return Adapter(config(("x", "y"), rank=rank, alpha=3.0), factors, head)


def delta(adapter: Adapter, name: str) -> Tensor:
    A, B = adapter.factors[name]
    return adapter.config.scaling_of(name) * (B.double() @ A.double())


def test_the_exact_sum_is_the_weighted_sum_of_the_updates_and_ranks_add_up() -> None:
    one, other = small(1), small(2, rank=3)
    total = stack([Part("one", one, 0.5), Part("other", other, -2.0)], head_of=1)
    assert total.config.rank == 5
    assert total.head is other.head
    for name in NAMES:
        wanted = 0.5 * delta(one, name) - 2.0 * delta(other, name)
        torch.testing.assert_close(delta(total, name), wanted, atol=1e-5, rtol=1e-5)


def test_cut_down_each_module_holds_its_nearest_update_of_the_rank() -> None:
    parts = [Part("one", small(1)), Part("other", small(2))]
    exact, less = stack(parts), stack(parts, rank=3)
    assert less.config.rank == 3
    for name in NAMES:
        U, S, Vh = torch.linalg.svd(delta(exact, name))
        nearest = U[:, :3] * S[:3] @ Vh[:3]
        torch.testing.assert_close(delta(less, name), nearest, atol=1e-5, rtol=1e-5)


def test_a_rank_above_the_matrices_is_brought_down_without_loss() -> None:
    parts = [Part("one", small(1, rank=5)), Part("other", small(2, rank=5))]
    total = stack(parts)
    assert total.config.rank == 6  # of matrices of 6 by 7
    for name in NAMES:
        wanted = delta(parts[0].adapter, name) + delta(parts[1].adapter, name)
        torch.testing.assert_close(delta(total, name), wanted, atol=1e-5, rtol=1e-5)
    assert truncated(total, 6) is total


@pytest.mark.parametrize("rank", [None, 2])
def test_a_part_takes_part_in_its_modules_alone(rank: int | None) -> None:
    one, other = small(1), small(2)
    chosen = frozenset({"l.1.x"})
    total = stack([Part("one", one), Part("other", other, 2.0, chosen)], rank=rank)
    for name in NAMES:
        wanted = delta(one, name) + (2.0 * delta(other, name) if name in chosen else 0.0)
        if rank is None or name not in chosen:
            torch.testing.assert_close(delta(total, name), wanted, atol=1e-5, rtol=1e-5)
        assert total.config.rank_of(name) == (4 if name in chosen and rank is None else 2)
    assert only(Part("other", other, 1.0, chosen)).factors.keys() == chosen


@pytest.mark.parametrize("way", PEFT_WAYS)
@pytest.mark.parametrize("name", ["bert", "gpt2"])
def test_it_is_what_peft_combines(name: str, way: str, tmp_path: Any) -> None:
    family, weights = FAMILIES[name], (0.7, 1.5)
    # PEFT does not combine adapters with heads.
    one = extract(adapted(family, head=False, task_type=None))
    other = replace(
        one, factors={n: (A.flip(1), 2 * B.flip(0)) for n, (A, B) in one.factors.items()}
    )
    adapters = [one, other]
    for index, adapter in enumerate(adapters):
        peft_format.save(adapter, tmp_path / str(index))
    peft = PeftModel.from_pretrained(family.build(), tmp_path / "0", adapter_name="a")
    peft.load_adapter(tmp_path / "1", adapter_name="b")
    rank = PEFT_WAYS[way]
    peft.add_weighted_adapter(["a", "b"], list(weights), "sum", combination_type=way, svd_rank=rank)
    parts = [Part(n, a, w) for n, a, w in zip("ab", adapters, weights, strict=True)]
    total = stack(parts, head_of=0, rank=rank)
    peft_format.save(total, tmp_path / "sum")
    assert peft_format.load(tmp_path / "sum").factors.keys() == total.factors.keys()
    for module in total.factors:
        theirs = peft.base_model.model.get_submodule(module).get_delta_weight("sum").detach()
        theirs = theirs.T if total.fan_in_fan_out else theirs
        torch.testing.assert_close(delta(total, module).float(), theirs, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("selection", "chosen"),
    [
        ("x", {"l.0.x", "l.1.x"}),
        ("0.y", {"l.0.y"}),
        ("lower", {"l.0.x", "l.0.y"}),
        ("upper", {"l.1.x", "l.1.y"}),
    ],
)
def test_modules_are_selected_by_name_or_by_half(selection: str, chosen: set[str]) -> None:
    assert selected(NAMES, selection) == chosen


def test_of_an_odd_number_of_layers_the_middle_one_is_lower() -> None:
    names = [f"l.{i}.x" for i in (0, 3, 11)]
    assert selected(names, "lower") == {"l.0.x", "l.3.x"}
    assert selected(names, "upper") == {"l.11.x"}
    for nothing in ("z", "upper"):
        with pytest.raises(ValueError, match=f"'{nothing}' selects none.*allowed: x, lower, upper"):
            selected(names[:1], nothing)


def test_heads_are_averaged_by_the_weights() -> None:
    one, other = small(1), small(2)
    parts = [Part("one", one, 1.0), Part("other", other, 3.0)]
    for name, tensor in stack(parts).head.items():
        wanted = 0.25 * one.head[name] + 0.75 * other.head[name]
        torch.testing.assert_close(tensor, wanted)
    with pytest.raises(ValueError, match="add up to 0"):
        mean_head([Part("one", one, 1.0), Part("other", other, -1.0)])


def other_like(**changes: Any) -> Part:
    own: dict[str, Any] = {
        "name": "other",
        "adapter": small(2),
        "labels": ("bad", "good"),
    } | changes
    return Part(**own)


def based(adapter: Adapter) -> Adapter:
    return replace(adapter, config=replace(adapter.config, base_model_name="another"))


def of_three_classes(adapter: Adapter) -> Adapter:
    return replace(adapter, head={"head.weight": torch.zeros(3, 5), "head.bias": torch.zeros(3)})


CONFLICTS: dict[str, tuple[dict[str, Any], str]] = {
    "name": ({"name": "one"}, "same name, 'one'"),
    "base": ({"adapter": based(small(2))}, "other base models, .* and 'another'"),
    "modules": ({"adapter": small(2, names=NAMES[:3])}, r"only one of them adapts l\.1\.y"),
    "shapes": ({"adapter": small(2, shape=(6, 8))}, r"other shapes .*\(6, 7\) and \(6, 8\)"),
    "classes": ({"adapter": of_three_classes(small(2))}, r"other heads: head\.bias is .*\(3,\)"),
    "labels": ({"labels": ("good", "bad")}, r"other classes, \['bad', 'good'\]"),
    "weight": ({"weight": float("nan")}, "weight of 'other' is nan"),
    "selection": ({"modules": {"l.9.x"}}, r"'other' does not adapt l\.9\.x"),
}


@pytest.mark.parametrize("conflict", CONFLICTS)
def test_what_does_not_fit_together_is_refused(conflict: str) -> None:
    changes, message = CONFLICTS[conflict]
    one = Part("one", small(1), labels=("bad", "good"))
    stack([one, other_like()])
    with pytest.raises(ValueError, match=f"cannot be stacked: .*{message}"):
        stack([one, other_like(**changes)])


def test_everything_that_is_wrong_is_said_at_once() -> None:
    wrong = other_like(name="one", adapter=based(small(2, shape=(5, 7))), labels=("a", "b"))
    with pytest.raises(ValueError, match=r"same name.*base models.*shapes.*classes"):
        stack([Part("one", small(1), labels=("bad", "good")), wrong])
    with pytest.raises(ValueError, match="1 given, at least 2"):
        stack([wrong])
