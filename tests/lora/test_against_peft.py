"""LoRA and its variants compute, learn and are saved as PEFT's do."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from lora import peft_format
from lora.adapter import attach, extract
from lora.inject import adapted_modules, inject, mark_trainable
from lora.merge import delta_weight
from tests.lora.models import Family, config, generator, logits, tokens

RANK, ALPHA, STEPS = 3, 4.5, 4
# Our settings and PEFT's.
VARIANTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "rslora": ({"use_rslora": True}, {"use_rslora": True}),
    "dora": ({"use_dora": True}, {"use_dora": True}),
    "dora of rslora": (
        {"use_dora": True, "use_rslora": True},
        {"use_dora": True, "use_rslora": True},
    ),
    "pissa": ({"init": "pissa"}, {"init_lora_weights": "pissa"}),
    "pissa of rslora": (
        {"init": "pissa", "use_rslora": True},
        {"init_lora_weights": "pissa", "use_rslora": True},
    ),
}
each_variant = pytest.mark.parametrize("variant", sorted(VARIANTS))


def loud(family: Family) -> Any:
    """A model whose weights and biases are large enough for mistakes to show in its logits."""
    model, draw = family.build(), generator(4)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(8)
            else:
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=draw))
    return model


def ours(family: Family, variant: str, dropout: float = 0.0) -> Any:
    model = loud(family)
    more = VARIANTS[variant][0]
    settings = config(
        family.targets, rank=RANK, alpha=ALPHA, task_type="SEQ_CLS", dropout=dropout, **more
    )
    inject(model, settings, generator(0))
    mark_trainable(model, [family.head])
    return model


def theirs(family: Family, variant: str, like: Any, dropout: float = 0.0) -> Any:
    """PEFT's model, with the same A where A is drawn at random."""
    settings = LoraConfig(
        r=RANK,
        lora_alpha=ALPHA,
        lora_dropout=dropout,
        target_modules=list(family.targets),
        task_type="SEQ_CLS",
        fan_in_fan_out=family.name == "gpt2",
        **VARIANTS[variant][1],
    )
    model = get_peft_model(loud(family), settings).eval()
    if not variant.startswith("pissa"):
        with torch.no_grad():
            for name, layer in adapted_modules(like).items():
                factor(model, name, "lora_A").copy_(layer.lora_A[0])
    return model


def factor(peft: Any, name: str, which: str) -> Any:
    return getattr(peft.base_model.model.get_submodule(name), which)["default"].weight


def loss(model: Any, seed: int = 0) -> Tensor:
    ids = tokens(rows=8, seed=seed + 1)
    torch.manual_seed(seed)  # of dropout
    found: Tensor = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
    return F.cross_entropy(found, ids[:, 0] % 2)


def train(model: Any, family: Family, steps: int = STEPS) -> list[float]:
    """AdamW on adapter and head (DistilBERT's first head layer aside, see peft 3755)."""
    left_out = "pre_classifier"
    parameters = [p for n, p in model.named_parameters() if p.requires_grad and left_out not in n]
    # With AdamW's own eps an element whose gradient is all but zero makes full steps of rounding.
    optimizer = torch.optim.AdamW(parameters, lr=0.02, weight_decay=0.1, eps=1e-4)
    losses = []
    for step in range(steps):
        optimizer.zero_grad()
        value = loss(model, step)
        value.backward()
        optimizer.step()
        losses.append(float(value.detach()))
    return losses


def signs(mine: Tensor, other: Tensor) -> Tensor:
    """Of each direction of the two A, (rank, 1): a singular vector has either sign."""
    return torch.sign((mine * other).sum(dim=1, keepdim=True))


def update(peft: Any, name: str, W0: Tensor) -> Tensor:
    """What PEFT's merging makes of a weight, less what it was before PEFT came."""
    layer = peft.base_model.model.get_submodule(name)
    layer.merge(safe_merge=True)
    merged = layer.get_base_layer().weight.detach().clone()
    layer.unmerge()
    return merged - W0


def check_updates(mine: Any, other: Any) -> None:
    for name, layer in adapted_modules(mine).items():
        expected = update(other, name, layer.pretrained_weight())
        torch.testing.assert_close(delta_weight(layer), expected, rtol=1e-3, atol=2e-5)
        assert expected.abs().max() > 0.01


@each_variant
def test_from_one_start_logits_gradients_and_steps_are_pefts(family: Family, variant: str) -> None:
    ids, plain = tokens(), logits(loud(family), tokens())
    mine = ours(family, variant)
    other = theirs(family, variant, mine)
    torch.testing.assert_close(logits(mine, ids), plain, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(logits(mine, ids), logits(other, ids), rtol=1e-4, atol=1e-5)
    train(mine, family, 1)  # B is zero at the start, and all of A's gradient with it
    train(other, family, 1)
    for model in (mine, other):
        model.zero_grad()
        loss(model, seed=9).backward()
    for name, layer in adapted_modules(mine).items():
        flip = signs(layer.lora_A[0], factor(other, name, "lora_A"))
        A, B = (factor(other, name, which).grad for which in ("lora_A", "lora_B"))
        torch.testing.assert_close(layer.lora_A.grad[0], flip * A, rtol=1e-3, atol=1e-5)
        torch.testing.assert_close(layer.lora_B.grad[0], B * flip.T, rtol=1e-3, atol=1e-5)
        assert layer.lora_A.grad.abs().max() > 1e-4
        if layer.lora_magnitude_vector is not None:
            m = factor(other, name, "lora_magnitude_vector")
            torch.testing.assert_close(layer.lora_magnitude_vector[0], m)
            mine_m = layer.lora_magnitude_vector.grad
            torch.testing.assert_close(mine_m[0], m.grad, rtol=1e-3, atol=1e-5)
            assert m.grad.abs().max() > 1e-4
    assert train(mine, family) == pytest.approx(train(other, family), rel=1e-4)
    check_updates(mine, other)


@pytest.mark.parametrize("variant", ["dora", "rslora"])
def test_dropout_falls_where_pefts_does(family: Family, variant: str) -> None:
    """DoRA's rescaling has W0 times what dropout left, not W0 times the input."""
    mine = ours(family, variant, dropout=0.4)
    other = theirs(family, variant, mine, dropout=0.4)
    assert train(mine.train(), family) == pytest.approx(train(other.train(), family), rel=1e-4)
    check_updates(mine, other)


@each_variant
def test_peft_loads_what_is_saved_here_on_the_untouched_base(
    family: Family, variant: str, tmp_path: Any, no_network: None
) -> None:
    mine, ids = ours(family, variant), tokens()
    train(mine, family)
    peft_format.save(extract(mine, head_names=[family.head]), tmp_path)
    other = PeftModel.from_pretrained(loud(family), tmp_path).eval()
    torch.testing.assert_close(logits(other, ids), logits(mine, ids), rtol=1e-4, atol=1e-5)


@each_variant
def test_what_peft_saved_loads_here(
    family: Family, variant: str, tmp_path: Any, no_network: None
) -> None:
    like = ours(family, variant)
    other, ids = theirs(family, variant, like), tokens()
    conversion = {}
    if variant.startswith("pissa"):
        other.peft_config["default"].init_lora_weights = True  # as PEFT's guide has it
        other.save_pretrained(tmp_path / "start")
        other.peft_config["default"].init_lora_weights = "pissa"
        conversion["path_initial_model_for_weight_conversion"] = str(tmp_path / "start")
    train(other, family)
    expected = logits(other, ids)
    other.save_pretrained(tmp_path / "trained", **conversion)
    if conversion:  # which leaves the head out: what the error says to do gets it back
        with pytest.raises(ValueError, match=r"names .*classifier.* save the trained adapter a se"):
            peft_format.load(tmp_path / "trained")
        other.save_pretrained(tmp_path / "unconverted")
        file, plain = (tmp_path / x / peft_format.WEIGHTS for x in ("trained", "unconverted"))
        heads = {name: x for name, x in load_file(plain).items() if "lora_" not in name}
        save_file(load_file(file) | heads, file, {"format": "pt"})
    adapter = peft_format.load(tmp_path / "trained")
    mine = loud(family)
    attach(mine, adapter, [family.head])
    torch.testing.assert_close(logits(mine, ids), expected, rtol=1e-4, atol=1e-5)
    train(like, family)
    twin = extract(like)  # what is learned here comes out in PEFT's form
    assert (twin.config.rank, twin.config.use_rslora) == (
        adapter.config.rank,
        adapter.config.use_rslora,
    )
    assert twin.config.alpha == pytest.approx(adapter.config.alpha)
    for name, (A, B) in twin.factors.items():
        assert (A.shape, B.shape) == tuple(f.shape for f in adapter.factors[name])
    assert twin.magnitudes.keys() == adapter.magnitudes.keys()
