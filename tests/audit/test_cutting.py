"""Plain PEFT computes with a cut adapter what the best approximation of each update would give."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor, nn

from audit import allotment, cutting
from audit.command import Asked, audit
from audit.directions import directions
from audit.saved import CONFIG, read
from tests.audit.made import MADE, deltas, loaded, logits, make, quiet

PLAIN = [name for name in MADE if name != "dora" and "pissa" not in name]
EXACT = 2e-6  # of updates whose norms are of the order of one, in fp32


def best(delta: Tensor, rank: int) -> Tensor:
    """The nearest matrix of a rank (Eckart and Young)."""
    U, S, Vh = torch.linalg.svd(delta, full_matrices=False)
    return U[:, :rank] * S[:rank] @ Vh[:rank]


def run(*, adapter: Path, **asked: object) -> None:
    list(audit(Asked(adapter=str(adapter), **asked)))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", PLAIN)
def test_peft_adds_the_best_update_of_the_rank(name: str, tmp_path: Path) -> None:
    adapter, _ = make(name, tmp_path)
    run(adapter=adapter, rank=2, out=tmp_path / "cut")
    whole, small = deltas(loaded(name, adapter)), deltas(loaded(name, tmp_path / "cut"))
    assert whole.keys() == small.keys()
    for module, delta in whole.items():
        torch.testing.assert_close(small[module], best(delta, 2), rtol=0, atol=EXACT)


@pytest.mark.parametrize("name", PLAIN)
def test_a_pattern_of_ranks_is_what_was_allotted(name: str, tmp_path: Path) -> None:
    adapter, _ = make(name, tmp_path)
    run(adapter=adapter, parameters=0.4, out=tmp_path / "cut")
    found = directions(read(adapter).factors())
    budget = int(0.4 * sum(one.module.cost * one.module.rank for one in found))
    ranks = allotment.best(found, budget)
    assert len(set(ranks.values())) > 1
    whole, small = deltas(loaded(name, adapter)), deltas(loaded(name, tmp_path / "cut"))
    assert small.keys() == {module for module, rank in ranks.items() if rank}
    for module, delta in small.items():
        torch.testing.assert_close(delta, best(whole[module], ranks[module]), rtol=0, atol=EXACT)


@pytest.mark.parametrize("name", [name for name in MADE if "pissa" not in name])
def test_an_adapter_cut_to_its_own_rank_computes_the_same(name: str, tmp_path: Path) -> None:
    adapter, _ = make(name, tmp_path)
    run(
        adapter=adapter,
        rank=max(m.rank for m in read(adapter).modules.values()),
        out=tmp_path / "cut",
    )
    before, after = logits(loaded(name, adapter)), logits(loaded(name, tmp_path / "cut"))
    torch.testing.assert_close(after, before, rtol=0, atol=1e-5)
    run(adapter=adapter, rank=1, out=tmp_path / "small")
    assert (logits(loaded(name, tmp_path / "small")) - before).abs().max() > 1e-5


@pytest.mark.parametrize("name", ["pissa", "pissa of conv1d"])
def test_what_pissa_learned_is_written_as_an_adapter_on_the_base(name: str, tmp_path: Path) -> None:
    """PEFT takes the principal part out of the base when it loads PiSSA as saved."""
    adapter, _ = make(name, tmp_path)
    rank = 2 * MADE[name].settings["r"]
    run(adapter=adapter, rank=rank, out=tmp_path / "cut")
    config = json.loads((tmp_path / "cut" / CONFIG).read_text())
    assert config["init_lora_weights"] is True
    before, after = logits(loaded(name, adapter)), logits(loaded(name, tmp_path / "cut"))
    torch.testing.assert_close(after, before, rtol=0, atol=2e-5)


def test_dora_keeps_its_magnitudes(tmp_path: Path) -> None:
    adapter, _ = make("dora", tmp_path)
    run(adapter=adapter, rank=2, out=tmp_path / "cut")
    tuned, cut = loaded("dora", adapter), loaded("dora", tmp_path / "cut")
    plain = tuned.base_model.model.bert.encoder.layer[1].attention.self.value
    small = cut.base_model.model.bert.encoder.layer[1].attention.self.value
    W0 = plain.get_base_layer().weight.detach().double()
    magnitude = plain.lora_magnitude_vector["default"].weight.detach().double()
    direction = W0 + best(plain.get_delta_weight("default").detach().double(), 2)
    wanted = magnitude[:, None] * direction / direction.norm(dim=1, keepdim=True)
    x = torch.randn(4, W0.shape[1], generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        said = small(x)
    bias = plain.get_base_layer().bias.detach().double()
    torch.testing.assert_close(said.double(), x.double() @ wanted.T + bias, rtol=0, atol=1e-5)


class Nested(nn.Module):
    """Modules whose names end like one another, and one that a name's dots match as signs."""

    def __init__(self) -> None:
        super().__init__()
        self.q = nn.Linear(6, 6, bias=False)
        self.inner = nn.ModuleDict({"q": nn.Linear(6, 6, bias=False)})
        self.innerxq = nn.Linear(6, 6, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.q(x) + self.inner["q"](x) + self.innerxq(x)
        return out


def test_keys_reach_one_module_each_in_whatever_order(tmp_path: Path) -> None:
    torch.manual_seed(0)
    plain = Nested()
    with quiet():
        settings = LoraConfig(r=4, target_modules=["q", "innerxq"], init_lora_weights=False)
        tuned = get_peft_model(plain, settings)
        tuned.save_pretrained(tmp_path / "adapter")
    weights = {n: m.get_base_layer().weight for n, m in _layers(tuned).items()}
    saved = read(tmp_path / "adapter")
    ranks = {"q": 1, "inner.q": 2, "innerxq": 3}
    tensors = cutting.cut(saved.factors(), ranks)
    config = cutting.cut_config(saved.config, saved.modules.values(), ranks, use_rslora=False)
    cutting.write(tmp_path / "cut", config, tensors)
    for _ in range(2):
        with quiet():
            again = PeftModel.from_pretrained(Nested(), tmp_path / "cut")
        assert {name: layer.r["default"] for name, layer in _layers(again).items()} == ranks
        for name, layer in _layers(again).items():
            delta = _layers(tuned)[name].get_delta_weight("default").detach()
            wanted = best(delta.double(), ranks[name])
            found = layer.get_delta_weight("default").detach().double()
            torch.testing.assert_close(found, wanted, rtol=0, atol=EXACT)
        with quiet():
            again.save_pretrained(tmp_path / "cut")  # which sorts the patterns' keys
    assert weights.keys() == ranks.keys()


def test_modules_left_out_are_not_reached_though_their_names_end_alike(tmp_path: Path) -> None:
    torch.manual_seed(0)
    with quiet():
        settings = LoraConfig(r=4, target_modules=["q", "innerxq"], init_lora_weights=False)
        get_peft_model(Nested(), settings).save_pretrained(tmp_path / "adapter")
    saved = read(tmp_path / "adapter")
    ranks = {"q": 2, "inner.q": 0, "innerxq": 2}
    config = cutting.cut_config(saved.config, saved.modules.values(), ranks, use_rslora=False)
    cutting.write(tmp_path / "cut", config, cutting.cut(saved.factors(), ranks))
    with quiet():
        again = PeftModel.from_pretrained(Nested(), tmp_path / "cut")
    assert _layers(again).keys() == {"q", "innerxq"}


def _layers(model: PeftModel) -> dict[str, nn.Module]:
    modules = model.base_model.model.named_modules()
    return {name: module for name, module in modules if hasattr(module, "lora_A")}


def test_the_dtype_of_the_factors_is_kept(tmp_path: Path) -> None:
    adapter, _ = make("lora", tmp_path)
    model = loaded("lora", adapter)
    model.to(torch.bfloat16)
    with quiet():
        model.save_pretrained(tmp_path / "half")
    run(adapter=tmp_path / "half", rank=2, out=tmp_path / "cut")
    modules = read(tmp_path / "cut").modules.values()
    assert {module.dtype for module in modules} == {torch.bfloat16}
