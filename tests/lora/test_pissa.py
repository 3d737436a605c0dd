"""PiSSA takes the principal part out of a weight, exactly and the same every time."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from lora import peft_format, pissa
from lora.adapter import extract, load_into
from lora.inject import adapted_modules, inject, is_adapted
from lora.layer import LoRALinear
from tests.lora.models import FAMILIES, config, generator
from tests.lora.test_against_peft import loud
from tests.lora.test_layer import base, wrap
from tests.lora.test_variants import adapted

BERT = FAMILIES["bert"]
PISSA = {"init": "pissa"}


def started(plain: Any, rank: int = 2, scalings: tuple[float, ...] = (1.5,)) -> LoRALinear:
    layer = wrap(plain, [rank] * len(scalings), scalings)
    pissa.begin(layer, pissa.decompose(layer))
    return layer


@pytest.mark.parametrize("kind", ["linear", "conv1d"])
@pytest.mark.parametrize(("n_in", "n_out"), [(6, 6), (4, 9), (9, 4)])
def test_the_factors_are_the_top_triplets_and_the_base_keeps_the_rest(
    kind: str, n_in: int, n_out: int
) -> None:
    plain = base(n_in, n_out, kind)
    W0 = plain.weight.detach().double()
    W0 = W0.T if kind == "conv1d" else W0
    S = torch.linalg.svdvals(W0)
    layer = started(plain, 2, (0.5, 3.0))
    rest = layer.base.weight.double()
    rest = rest.T if kind == "conv1d" else rest
    k = min(n_in, n_out)
    torch.testing.assert_close(torch.linalg.svdvals(rest)[: k - 2], S[2:], rtol=0, atol=1e-6)
    for run, scaling in enumerate((0.5, 3.0)):
        A, B = layer.lora_A[run].double(), layer.lora_B[run].double()
        torch.testing.assert_close(rest + scaling * B @ A, W0, rtol=0, atol=1e-6)
        # each factor has the root of the singular values over the scaling
        diagonal = torch.diag(S[:2] / scaling)
        torch.testing.assert_close(A @ A.T, diagonal, rtol=0, atol=1e-5)
        torch.testing.assert_close(B.T @ B, diagonal, rtol=0, atol=1e-5)


def test_the_signs_are_settled_and_nothing_is_drawn() -> None:
    weight = base(6, 5).weight.detach().clone()
    found = []
    for sign, seed in ((1, 0), (1, 9), (-1, 0)):
        plain = nn.Linear(6, 5)
        plain.weight = nn.Parameter(sign * weight, requires_grad=False)
        layer = wrap(plain, seeds=[seed])
        found.append(pissa.decompose(layer))
    assert torch.equal(found[0].A, found[1].A)
    assert torch.equal(found[0].B, found[1].B)
    torch.testing.assert_close(found[2].A, found[0].A)
    torch.testing.assert_close(found[2].B, -found[0].B)
    largest = found[0].A.gather(1, found[0].A.abs().argmax(dim=1, keepdim=True))
    assert (largest > 0).all()


def test_a_bf16_base_keeps_its_dtype_and_its_bits() -> None:
    model = loud(BERT).bfloat16()
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    inject(model, config(**PISSA), generator(0))
    for name, layer in adapted_modules(model).items():
        W0 = before[f"{name}.weight"]
        assert layer.base.weight.dtype == torch.bfloat16
        assert torch.equal(layer.pretrained_weight(), W0)
        sum_ = layer.base.weight.float() + layer.scalings[0] * layer.lora_B[0] @ layer.lora_A[0]
        torch.testing.assert_close(sum_, W0.float(), rtol=0, atol=0.02)
        assert not torch.equal(layer.base.weight, W0)


def test_untrained_its_adapter_is_nothing_and_trained_it_is_of_twice_the_rank(
    tmp_path: Any,
) -> None:
    model = loud(BERT)
    settings = config(
        rank=3, rank_pattern={"1.*": 2}, alpha_pattern={"0.*value": 2.0}, use_rslora=True, **PISSA
    )
    inject(model, settings, generator(0))
    adapter = extract(model)
    for name in adapter.factors:
        assert adapter.delta(name).abs().max() < 1e-5
        assert adapter.config.rank_of(name) == 2 * settings.rank_of(name)
        assert adapter.config.scaling_of(name) == pytest.approx(settings.scaling_of(name))
    peft_format.save(adapter, tmp_path)
    assert peft_format.load(tmp_path).config == adapter.config


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ([{"rank": 2}, {"rank": 3}], r"another base at every rank.*share one rank, got \[2, 3\]"),
        ([{"rank": 9}], r"rank 9: .*twice the rank.* 16 inputs and 16 outputs allows 1 to 8"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_changes(
    changes: list[dict[str, Any]], message: str
) -> None:
    model = loud(BERT)
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    configs = [config(**PISSA, **change) for change in changes]
    with pytest.raises(ValueError, match=rf"target {BERT.adapted[0]}: .*{message}"):
        inject(model, configs, [generator(i) for i in range(len(configs))])
    assert not is_adapted(model)
    assert all(torch.equal(p, before[n]) for n, p in model.named_parameters())


def test_a_weight_that_is_not_finite_is_refused_and_the_others_stay() -> None:
    model = loud(BERT)
    before = model.get_submodule(BERT.adapted[0]).weight.detach().clone()
    model.get_submodule(BERT.adapted[-1]).weight.data[0, 0] = float("nan")
    with pytest.raises(
        ValueError, match=f"{BERT.adapted[-1]}: PiSSA needs a weight that is finite"
    ):
        inject(model, config(**PISSA), generator(0))
    assert torch.equal(model.get_submodule(BERT.adapted[0]).weight, before)


def test_nothing_is_loaded_into_a_model_whose_base_is_a_residual() -> None:
    model = adapted(BERT, PISSA)
    with pytest.raises(ValueError, match=r"begun with PiSSA.*attach that to the plain model"):
        load_into(model, extract(model, head_names=["classifier"]))


def test_other_inits_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="init 'olora': allowed are default and pissa"):
        config(init="olora")
