"""An update beside the base's weights, read one by one from safetensors."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from audit.against_base import figures
from audit.command import Asked, audit
from audit.saved import Module, read
from audit.weights import INDEX, Weights
from study.entry.errors import StudyError
from tests.audit.made import MADE, base, deltas, loaded, make


def figures_of(adapter: Path, file: Path, **asked: Any) -> dict[str, Any]:
    list(audit(Asked(adapter=str(adapter), json=file, **asked)))
    return {row["module"]: row for row in json.loads(file.read_text())["by_module"]}


@pytest.mark.parametrize("name", ["lora", "conv1d", "causal", "embedding"])
def test_the_base_that_the_adapter_names_is_read_as_its_modules_hold_it(
    name: str, tmp_path: Path
) -> None:
    adapter, _ = make(name, tmp_path)
    rows = figures_of(adapter, tmp_path / "figures.json", base_of_config=True)
    model, added = base(MADE[name].model_class), deltas(loaded(name, adapter))
    saved = read(adapter)
    weights = Weights(tmp_path / "base", bool(saved.config["fan_in_fan_out"]))
    for module, row in rows.items():
        W0 = model.get_submodule(module).weight.detach().double()
        turned = "embeddings" in module or name == "conv1d"
        W0 = W0.T if turned else W0
        assert torch.equal(weights.weight(saved.modules[module]), W0)
        ratio = float(added[module].norm() / W0.norm())
        assert row["relative_norm"] == pytest.approx(ratio, rel=1e-5)
        U, _, Vh = torch.linalg.svd(added[module], full_matrices=False)
        U, Vh = U[:, : row["rank"]], Vh[: row["rank"]]
        seen = float((U.T @ W0 @ Vh.T).norm())
        factor = float(added[module].norm()) / seen
        assert row["amplification"]["update"] == pytest.approx(factor, rel=1e-3)


def test_doras_update_is_that_of_its_weight(tmp_path: Path) -> None:
    adapter, _ = make("dora", tmp_path)
    rows = figures_of(adapter, tmp_path / "figures.json", base_of_config=True)
    merged = loaded("dora", adapter).merge_and_unload()
    plain = base(MADE["dora"].model_class)
    for module, row in rows.items():
        W0 = plain.get_submodule(module).weight.detach()
        change = merged.get_submodule(module).weight.detach() - W0
        assert row["relative_norm"] == pytest.approx(float(change.norm() / W0.norm()), rel=1e-4)


def test_pissa_is_told_of_what_was_learned(tmp_path: Path) -> None:
    adapter, _ = make("pissa", tmp_path)
    rows = figures_of(adapter, tmp_path / "figures.json")  # its base is needed, and so looked at
    model, plain = loaded("pissa", adapter), base(MADE["pissa"].model_class)
    for module, row in rows.items():
        layer = model.base_model.model.get_submodule(module)
        merged = layer.get_base_layer().weight + layer.get_delta_weight("default")
        S = torch.linalg.svdvals((merged - plain.get_submodule(module).weight).detach().double())
        assert row["rank"] == 2 * MADE["pissa"].settings["r"]
        assert row["singular_values"] == pytest.approx(S[: row["rank"]].tolist(), abs=2e-5)


def test_a_loud_update_along_new_directions_is_intruders() -> None:
    draw = torch.Generator().manual_seed(0)
    W0 = torch.randn(64, 64, generator=draw, dtype=torch.float64)
    module = Module("m", False, 3, 64, 64, 1.0, torch.float32)
    U, _, Vh = torch.linalg.svd(W0)
    new = torch.linalg.qr(torch.randn(64, 3, generator=draw, dtype=torch.float64)).Q
    loud = figures(module, 100 * new @ Vh[:3], W0)["intruders"]
    assert (loud["count"], loud["random"], loud["looked_at"]) == (3, 3, 10)
    own = figures(module, 100 * U[:, :3] @ Vh[:3], W0)["intruders"]
    assert (own["count"], own["random"]) == (0, 3)
    assert loud["told"]
    assert 0.2 < loud["floor"] < 0.5
    tame = figures(module, 1e-9 * new @ Vh[:3], W0)["intruders"]
    assert (tame["count"], tame["random"]) == (0, 0)


def test_amplification_of_known_directions() -> None:
    module = Module("m", False, 1, 4, 4, 1.0, torch.float32)
    W0 = torch.diag(torch.tensor([8.0, 4.0, 2.0, 1.0], dtype=torch.float64))
    D = torch.zeros_like(W0)
    D[3, 3] = 6.0
    row = figures(module, D, W0)
    assert row["amplification"]["update"] == pytest.approx(6.0)
    assert row["amplification"]["own"] == pytest.approx(6 / 8)
    assert row["amplification"]["random"] == pytest.approx(6 / (85**0.5 / 4))
    assert row["relative_norm"] == pytest.approx(6 / 85**0.5)
    nothing = figures(module, torch.zeros_like(W0), W0)
    assert nothing["amplification"] is nothing["intruders"] is None
    assert nothing["relative_norm"] == 0


def test_a_base_in_several_files_and_under_other_names(tmp_path: Path) -> None:
    """The encoder alone lacks the classifier's prefix; a model around it has one more."""
    adapter, folder = make("lora", tmp_path)
    whole = load_file(folder / "model.safetensors")
    wanted = figures_of(adapter, tmp_path / "one.json", base=str(folder))
    for new, rename in (
        ("encoder", lambda key: key.removeprefix("bert.")),
        ("around", lambda key: f"inner.{key}"),
    ):
        other = tmp_path / new
        shutil.copytree(folder, other)
        (other / "model.safetensors").unlink()
        renamed = {rename(key): tensor for key, tensor in whole.items()}
        halves = (dict(list(renamed.items())[:9]), dict(list(renamed.items())[9:]))
        index = {}
        for number, half in enumerate(halves):
            save_file(half, other / f"part-{number}.safetensors")
            index |= dict.fromkeys(half, f"part-{number}.safetensors")
        (other / INDEX).write_text(json.dumps({"weight_map": index}))
        assert figures_of(adapter, tmp_path / "two.json", base=str(other)) == wanted


def spoiled(folder: Path, how: str) -> None:
    file = folder / "model.safetensors"
    tensors = load_file(file)
    key = "bert.encoder.layer.1.attention.self.value.weight"
    if how == "truncated":
        file.write_bytes(file.read_bytes()[:-8])
        return
    if how == "no files":
        file.unlink()
        return
    if how == "no index":
        (folder / INDEX).write_text("{}")
        return
    tensors[key] = {
        "shape": torch.ones(15, 16),
        "quantised": torch.ones(16, 16, dtype=torch.uint8),
        "not finite": torch.full((16, 16), float("nan")),
        "absent": tensors[key],
    }[how]
    if how == "absent":
        del tensors[key]
    save_file(tensors, file)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("truncated", "no whole safetensors file"),
        ("no files", r"has no \*.safetensors"),
        ("no index", "is no index of files"),
        ("shape", r"is \(15, 16\)"),
        ("quantised", "torch.uint8"),
        ("not finite", "not finite"),
        ("absent", "has no weight of the adapter's bert.encoder.layer.1"),
    ],
)
def test_a_base_that_does_not_fit_is_refused(how: str, words: str, tmp_path: Path) -> None:
    adapter, folder = make("lora", tmp_path)
    spoiled(folder, how)
    before = sorted(tmp_path.rglob("*"))
    asked = Asked(str(adapter), base_of_config=True, rank=1, out=tmp_path / "cut")
    with pytest.raises(StudyError, match=words):
        list(audit(asked))
    assert sorted(tmp_path.rglob("*")) == before
