"""A fused layer computes what Hugging Face's own modules of that layer do, forward and back."""

from __future__ import annotations

import copy
import gc
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from transformers import BertConfig, BertModel, XmodConfig, XmodModel

from lora.inject import disabled, inject
from lora.merge import merge, merged, unmerge
from study import attention, frozen
from study.attention import Packing
from study.dropout import replace_dropout, use_generators
from study.fused_layer import fuse
from study.packing import pack
from tests.lora.models import FAMILIES, HIDDEN, config, generator, randomise
from tests.study import toys
from tests.study.toys import saved

Q_V = ("query", "value")
ALL_SIX = ("query", "key", "value", "dense")


def bert(dropout: float = 0.0, dtype: torch.dtype = torch.float32, **changes: Any) -> BertModel:
    """Build a fused BERT whose weights are large enough for mistakes to show."""
    attention.register()
    words = FAMILIES["bert"].config.to_diff_dict() | {
        "initializer_range": 0.25,
        "hidden_dropout_prob": dropout,
        "attention_probs_dropout_prob": dropout,
    }
    words.pop("model_type", None)
    made = BertConfig(**words | changes)
    made._attn_implementation = attention.NAME
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = BertModel(made)
        for parameter in model.parameters():
            if parameter.ndim == 1:  # biases are zeros and norms ones otherwise
                parameter.data.add_(0.1 * torch.randn(parameter.shape))
    model.to(dtype)
    replace_dropout(model)
    fuse(model)
    return model.requires_grad_(False).eval()


class Case:
    """One layer of a saved BERT, adapted for a number of runs, and a batch to put through it.

    Attributes:
        layer: fused; the last one of the model makes the readout's outputs alone.
        x: (R, N, hidden), the layer's input.
        leaves: x and every parameter of the layer, by name.
    """

    def __init__(
        self,
        dtype: torch.dtype = torch.float32,
        runs: int = 3,
        targets: Sequence[str] = Q_V,
        last: bool = False,
        scalings: Sequence[float] = (2.0, 0.5, 1.5),
        dropout: float = 0.0,
    ) -> None:
        self.model = bert(dropout, dtype)
        if targets:
            whole = config(targets, rank=3, dropout=dropout)
            configs = [replace(whole, alpha=3.0 * s) for s in scalings[:runs]]
            inject(self.model, configs, [generator(run) for run in range(runs)])
            randomise(self.model)
            replace_dropout(self.model)
        if dtype == torch.float64:
            self.model.double()  # factors too
        self.layer = self.model.encoder.layer[1 if last else 0]
        data = toys.split(12, seed=3)
        chosen = [
            torch.tensor([0, 4, 2, 8]),
            torch.tensor([1, 3, 5, 11]),
            torch.tensor([9, 6, 7, 10]),
        ]
        self.batch = pack(data, chosen[:runs], 0, 2)
        self.last, self.runs = last, runs
        draw = generator(8)
        shape = (runs, self.batch.input_ids.shape[1], HIDDEN)
        self.x = torch.randn(shape, generator=draw).to(dtype).requires_grad_()
        rows = self.batch.first.numel() if last else shape[0] * shape[1]
        self.weights = torch.randn(rows, HIDDEN, generator=draw).to(dtype)
        self.leaves = {"x": self.x, **dict(self.layer.named_parameters())}
        for leaf in self.leaves.values():
            leaf.requires_grad_()

    def packing(self, seed: int = 0) -> Packing:
        draws = [generator(seed + run) for run in range(self.runs)]
        use_generators(self.model, draws, self.batch.row_tokens)
        readout = self.batch.first.flatten() if self.last else None
        return Packing(self.batch.layout, draws, readout)

    def fused(self) -> Tensor:
        out: Tensor = self.layer(self.x, packing=self.packing())
        return out.reshape(-1, HIDDEN)

    def modules(self) -> Tensor:
        """Compute with the class's own forward; of a read-out layer keep what is read."""
        packing = self.packing()
        out: Tensor = type(self.layer).forward(self.layer, self.x, packing=packing)
        rows = out.reshape(-1, HIDDEN)
        return rows if packing.readout is None else rows.index_select(0, packing.readout)

    def train_only(self, names: Sequence[str]) -> None:
        for name, leaf in self.leaves.items():
            leaf.requires_grad_(name in names)

    def gradients(self, forward: Callable[[], Tensor]) -> dict[str, Tensor]:
        wanted = {name: leaf for name, leaf in self.leaves.items() if leaf.requires_grad}
        loss = (forward() * self.weights).sum()
        return dict(zip(wanted, torch.autograd.grad(loss, list(wanted.values())), strict=True))


def worst(case: Case) -> float:
    """Return the largest distance of an output or a gradient from the modules' own."""
    found = [distance(case.fused(), case.modules())]
    ours, theirs = case.gradients(case.fused), case.gradients(case.modules)
    for name, mine in ours.items():
        # Softmax does not see the keys' bias: its gradient is nothing but rounding.
        unseen = name.endswith("bias") and ".key." in name
        found.append(distance(mine, theirs[name], case.weights if unseen else theirs[name]))
    return max(found)


def distance(mine: Tensor, other: Tensor, scale: Tensor | None = None) -> float:
    """Return the largest difference of two tensors over the largest element of `scale`."""
    assert mine.shape == other.shape
    assert mine.dtype == other.dtype
    largest = (other if scale is None else scale).detach().abs().max()
    assert largest > 0
    return float((mine - other).detach().abs().max() / largest)


@pytest.fixture(params=[False, True], ids=["plain products", "packed weights"])
def each_product(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways of multiplying with a frozen bf16 weight; where oneDNN packs none, one is left."""
    if not request.param:
        monkeypatch.setattr(frozen, "can_pack", lambda _: False)


def factors_alone(case: Case) -> Case:
    """Freeze what LoRA freezes, so that weights are held packed."""
    case.train_only([name for name in case.leaves if name == "x" or "lora_" in name])
    return case


each_shape = pytest.mark.parametrize("last", [False, True], ids=["inner", "read out"])
each_target = pytest.mark.parametrize(
    "targets", [Q_V, ALL_SIX, ()], ids=["query, value", "all six", "none"]
)
each_size = pytest.mark.parametrize("runs", [1, 3])


@each_shape
@each_target
@each_size
@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    # Measured: 9.4e-7 and 1.2e-15 of the largest element.
    [(torch.float32, 5e-6), (torch.float64, 1e-13)],
)
def test_output_and_every_gradient_are_the_modules(
    dtype: torch.dtype, tolerance: float, runs: int, targets: Sequence[str], last: bool
) -> None:
    assert worst(Case(dtype, runs, targets, last)) < tolerance


@each_shape
@each_target
@each_size
@pytest.mark.usefixtures("each_product")
def test_bf16_output_and_gradients_are_the_modules_within_what_was_measured(
    runs: int, targets: Sequence[str], last: bool
) -> None:
    case = Case(torch.bfloat16, runs, targets, last)
    assert worst(case) < 0.06  # measured: 0.023
    assert worst(factors_alone(case)) < 0.06  # measured: 0.023


@pytest.mark.usefixtures("each_product")
def test_bf16_is_no_coarser_than_the_modules_in_bf16() -> None:
    case = factors_alone(Case(torch.bfloat16, 3, Q_V))
    outputs = [case.fused().detach().double(), case.modules().detach().double()]
    case.model.double()
    case.x = case.x.detach().double()
    exact = case.modules().detach()
    fused, modules = (float((x - exact).square().mean().sqrt()) for x in outputs)
    assert fused < 1.3 * modules  # measured: 0.94 to 1.10 times over shapes and targets


PARAMETERS = sorted(
    f"{module}.{name}"
    for module in (
        *(f"attention.self.{m}.base" for m in Q_V),
        "attention.self.key",
        *("attention.output.dense", "intermediate.dense", "output.dense"),
        *("attention.output.LayerNorm", "output.LayerNorm"),
    )
    for name in ("weight", "bias")
) + [f"attention.self.{m}.lora_{f}" for m in Q_V for f in "AB"]


@settings(max_examples=40)
@given(
    names=st.sets(st.sampled_from(["x", *PARAMETERS]), min_size=1),
    last=st.booleans(),
    runs=st.sampled_from([1, 2]),
)
def test_any_part_may_be_trained_alone(names: set[str], last: bool, runs: int) -> None:
    case = Case(torch.float64, runs, last=last)
    assert case.leaves.keys() == {"x", *PARAMETERS}
    case.train_only(sorted(names))
    assert case.gradients(case.fused).keys() == names
    assert worst(case) < 1e-13


def test_a_first_layer_with_frozen_input_trains_its_factors() -> None:
    case = Case()
    case.train_only([name for name in case.leaves if "lora_" in name])
    assert len(case.gradients(case.fused)) == 4
    assert worst(case) < 5e-6


@pytest.mark.parametrize("targets", [Q_V, ("key",)])
def test_dropout_draws_what_the_modules_draw(targets: Sequence[str]) -> None:
    # A layer that is read out draws less: masks for the outputs that it makes.
    case = Case(torch.float64, targets=targets, dropout=0.3)
    still = case.fused()
    case.model.train()
    assert distance(case.fused(), still) > 0.1
    assert torch.equal(case.fused(), case.fused())
    assert worst(case) < 1e-13


@pytest.mark.parametrize("targets", [Q_V, ALL_SIX])
@each_shape
def test_gradients_under_dropout_are_the_slopes(last: bool, targets: Sequence[str]) -> None:
    case = Case(torch.float64, 2, targets, last, dropout=0.3)
    case.model.train()
    gradients = case.gradients(case.fused)
    draw = generator(5)
    step = {
        name: 1e-6 * torch.randn(x.shape, generator=draw).double() for name, x in gradients.items()
    }
    expected = sum(float((gradients[name] * step[name]).sum()) for name in gradients)
    ends = []
    with torch.no_grad():
        for sign in (1, -2):
            for name, leaf in case.leaves.items():
                leaf.add_(sign * step[name])
            ends.append(float((case.fused() * case.weights).sum()))
    assert (ends[0] - ends[1]) / 2 == pytest.approx(expected, rel=1e-6)


def test_unequal_scalings_are_each_runs_own() -> None:
    for run, scaling in enumerate((2.0, 0.5)):
        both, alone = Case(runs=2), Case(runs=2, scalings=(scaling, scaling))
        ours, theirs = (case.fused().view(2, -1) for case in (both, alone))
        torch.testing.assert_close(ours[run], theirs[run], atol=1e-5, rtol=1e-5)
        assert distance(ours[1 - run], theirs[1 - run]) > 0.01


@pytest.mark.usefixtures("each_product")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@each_shape
def test_a_merged_or_disabled_adapter_is_the_base_with_or_without_the_update(
    last: bool, dtype: torch.dtype
) -> None:
    case = Case(dtype, 1, last=last)
    bare = Case(dtype, 1, (), last=last)
    adapted = case.fused().detach()
    with disabled(case.model):
        assert torch.equal(case.fused(), bare.fused())
    case.model.requires_grad_(False)
    bare.model.requires_grad_(False)
    with disabled(case.model):
        assert torch.equal(case.fused(), bare.fused())
    tolerance = 5e-6 if dtype == torch.float32 else 0.03  # measured: 1.2e-7 and 0.009
    before = case.fused()
    with merged(case.model):
        assert distance(case.fused(), case.modules()) < tolerance
        assert distance(case.fused(), adapted) < tolerance
        assert distance(case.fused(), bare.fused()) > 0.1
    assert torch.equal(case.fused(), before)


@pytest.mark.usefixtures("each_product")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("lost", ["x", "lora_B"])
@each_shape
def test_a_runs_nan_stays_in_its_row(last: bool, lost: str, dtype: torch.dtype) -> None:
    case = factors_alone(Case(dtype, last=last))
    sound = [case.fused().detach(), *case.gradients(case.fused).values()]
    name = next(name for name in case.leaves if name.endswith(lost))
    with torch.no_grad():
        case.leaves[name][1] = torch.nan
    sick = [case.fused().detach(), *case.gradients(case.fused).values()]
    assert bool(sick[0].view(3, -1, HIDDEN)[1].isnan().any())
    for before, after in zip(sound, sick, strict=True):
        own, now = before.view(3, -1), after.view(3, -1)
        assert torch.equal(own[[0, 2]], now[[0, 2]])
        assert bool(now[1].isnan().any())


def test_it_asks_for_packing() -> None:
    case = Case()
    with pytest.raises(ValueError, match="packing="):
        case.layer(case.x)


class TestMemory:
    """What a forward pass keeps for the backward pass is let go of there."""

    @staticmethod
    def held() -> int:
        """Count the bytes of all tensors that Python knows."""
        gc.collect()
        found = {
            x.untyped_storage().data_ptr(): x.untyped_storage().nbytes()
            for x in gc.get_objects()
            if type(x) in (Tensor, nn.Parameter)
        }
        return sum(found.values())

    @each_shape
    def test_the_tape_dies_in_the_backward_pass(self, last: bool) -> None:
        case = Case(last=last, targets=ALL_SIX, dropout=0.1)
        case.model.train()
        case.gradients(case.fused)  # builds what is kept from batch to batch
        before = self.held()
        out = case.fused()
        own = out.untyped_storage().nbytes()
        during = self.held()
        gradients = torch.autograd.grad(out, case.x, case.weights)
        after = self.held()
        assert during - before > 4 * case.x.nbytes
        assert after - before == own + gradients[0].untyped_storage().nbytes()

    def test_nothing_is_kept_where_no_gradient_is_wanted(self) -> None:
        case = Case()
        with torch.no_grad():
            case.fused()
            before = self.held()
            out = case.fused()
        assert self.held() - before == out.untyped_storage().nbytes()


@pytest.mark.usefixtures("each_product")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_copy_of_the_model_does_not_disturb_the_first_ones_backward(dtype: torch.dtype) -> None:
    case = factors_alone(Case(dtype))
    expected = case.gradients(case.fused)["x"]
    other = copy.deepcopy(case.layer)
    with torch.no_grad():
        other.output.dense.weight.neg_()

    def beside() -> Tensor:
        out = case.fused()
        with torch.no_grad():
            other(case.x, packing=case.packing())
        return out

    assert torch.equal(case.gradients(beside)["x"], expected)


@pytest.mark.usefixtures("each_product")
def test_a_merge_meanwhile_does_not_disturb_the_backward() -> None:
    case = factors_alone(Case(torch.bfloat16, 1))
    expected = case.gradients(case.fused)["x"]

    def merged_meanwhile() -> Tensor:
        out = case.fused()
        merge(case.model)
        case.fused()
        unmerge(case.model)
        return out

    assert torch.equal(case.gradients(merged_meanwhile)["x"], expected)


def fused_layers(model: nn.Module) -> int:
    """Count the modules whose forward is not their class's own."""
    return sum("forward" in vars(module) for module in model.modules())


class TestWhatIsFused:
    """Layers of exactly BERT's form, and no others."""

    @pytest.mark.parametrize("name", ["bert", "roberta"])
    def test_bert_and_its_kin(self, name: str) -> None:
        assert fused_layers(toys.load(saved(name))) == 2

    @pytest.mark.parametrize("name", sorted(FAMILIES.keys() - {"bert", "roberta"}))
    def test_other_families_are_left_alone(self, name: str) -> None:
        assert fused_layers(toys.load(saved(name))) == 0

    @pytest.mark.parametrize(
        ("changes", "layers"),
        [
            ({}, 2),
            ({"hidden_act": "relu"}, 0),
            ({"hidden_act": "gelu_new"}, 0),
            ({"is_decoder": True}, 0),
            ({"is_decoder": True, "add_cross_attention": True}, 0),
        ],
        ids=str,
    )
    def test_other_berts_are_left_alone(self, changes: dict[str, Any], layers: int) -> None:
        assert fused_layers(bert(**changes)) == layers

    def test_a_layer_with_further_parts_is_left_alone(self) -> None:
        """X-MOD's layers have BERT's parts and language adapters behind them."""
        words = FAMILIES["roberta"].config.to_diff_dict() | {"default_language": "en_XX"}
        words.pop("model_type", None)
        model = XmodModel(XmodConfig(**words))
        fuse(model)
        assert fused_layers(model) == 0

    def test_a_copy_is_fused_with_its_own_weights(self) -> None:
        case = factors_alone(Case(torch.bfloat16))
        before = case.fused().detach()
        case.layer = copy.deepcopy(case.layer)
        assert torch.equal(case.fused(), before)
        with torch.no_grad():
            case.layer.output.dense.weight.neg_()
        assert distance(case.fused(), before) > 0.1
