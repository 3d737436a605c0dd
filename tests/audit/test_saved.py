"""What is no adapter to be read is told in one clear error, with nothing written."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from audit.command import Asked, audit
from audit.saved import CONFIG, PICKLED, PREFIX, WEIGHTS, read
from study.entry.errors import StudyError

NAME = f"{PREFIX}bert.encoder.layer.0.attention.self.query"
SETTINGS = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["query"]}
Spoil = Callable[[Path], None]


def write(folder: Path, **changes: Any) -> Path:
    """A whole adapter of one module."""
    folder.mkdir()
    draw = torch.Generator().manual_seed(0)
    A, B = torch.randn(2, 6, generator=draw), torch.randn(5, 2, generator=draw)
    tensors = {f"{NAME}.lora_A.weight": A, f"{NAME}.lora_B.weight": B}
    save_file(tensors, folder / WEIGHTS)
    (folder / CONFIG).write_text(json.dumps({**SETTINGS, **changes}))
    return folder


def settings(**changes: Any) -> Spoil:
    def spoil(folder: Path) -> None:
        config = {**SETTINGS, **changes}
        kept = {key: value for key, value in config.items() if value != "absent"}
        (folder / CONFIG).write_text(json.dumps(kept))

    return spoil


def tensors(change: Callable[[dict[str, Tensor]], Any]) -> Spoil:
    def spoil(folder: Path) -> None:
        found = load_file(folder / WEIGHTS)
        change(found)
        save_file(found, folder / WEIGHTS)

    return spoil


def truncated(folder: Path) -> None:
    whole = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(whole[: len(whole) - 8])


class Dangerous:
    """Would leave a file behind if it were unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return Path.touch, (self.trace,)


def pickled(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    (folder / PICKLED).write_bytes(pickle.dumps(Dangerous(folder / "ran")))


CASES: dict[str, tuple[Spoil, str]] = {
    "no settings": (lambda f: (f / CONFIG).unlink(), "is no adapter in PEFT's format"),
    "no JSON": (lambda f: (f / CONFIG).write_text("{"), "is no JSON"),
    "a list": (lambda f: (f / CONFIG).write_text("[]"), "an object is needed"),
    "no text": (lambda f: (f / CONFIG).write_bytes(b"\xff\xfe\xff"), "is no JSON"),
    "another method": (settings(peft_type="IA3"), "peft_type 'IA3'"),
    "no method": (settings(peft_type="absent"), "peft_type None"),
    "a form of its own": (settings(target_parameters=["w"]), "target_parameters"),
    "an unknown beginning": (settings(init_lora_weights="olora"), "init_lora_weights 'olora'"),
    "PiSSA by chance": (settings(init_lora_weights="pissa_niter_4"), "pissa_niter_4"),
    "PiSSA without a base": (settings(init_lora_weights="pissa"), "the adapter names no base"),
    "no rank": (settings(r="absent"), "r is missing"),
    "rank of no number": (settings(r="8"), "rank '8'"),
    "rank zero": (settings(r=0), "rank 0"),
    "pattern of no object": (settings(rank_pattern=["query"]), "rank_pattern"),
    "pattern that is none": (settings(rank_pattern={"(": 2}), "no regular expression"),
    "alpha below zero": (settings(lora_alpha=-1), "alpha -1"),
    "no weights": (lambda f: (f / WEIGHTS).unlink(), "holds no adapter's weights"),
    "pickled weights": (pickled, "never loaded"),
    "truncated": (truncated, "no whole safetensors file"),
    "empty file": (lambda f: (f / WEIGHTS).write_bytes(b""), "no whole safetensors file"),
    "another rank": (settings(r=3), "of the rank 3"),
    "half a module": (tensors(lambda t: t.pop(f"{NAME}.lora_A.weight")), "only one of lora_A"),
    "no factors": (
        tensors(lambda t: [t.pop(key) for key in list(t)] + [t.update(x=torch.ones(1))]),
        "no lora_A and lora_B",
    ),
    "another prefix": (tensors(lambda t: t.update(x=torch.ones(1))), "x does not begin with"),
    "a convolution": (
        tensors(lambda t: t.update({f"{NAME}.lora_A.weight": torch.ones(2, 6, 1, 1)})),
        r"lora_A \(2, 6, 1, 1\)",
    ),
    "whole numbers": (
        tensors(lambda t: t.update({f"{NAME}.lora_A.weight": torch.ones(2, 6, dtype=torch.int8)})),
        "factors in fp64, fp32, fp16 and bf16",
    ),
    "not finite": (
        tensors(lambda t: t[f"{NAME}.lora_B.weight"].fill_(float("nan"))),
        "lora_B.weight has numbers that are not finite",
    ),
    "a head that is not finite": (
        tensors(lambda t: t.update({f"{PREFIX}score.weight": torch.full((2,), float("inf"))})),
        "score.weight has numbers that are not finite",
    ),
    "DoRA without magnitudes": (settings(use_dora=True), "has no lora_magnitude_vector"),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_one_error_and_nothing_is_written(case: str, tmp_path: Path) -> None:
    spoil, words = CASES[case]
    folder = write(tmp_path / "adapter")
    spoil(folder)
    before = sorted(tmp_path.rglob("*"))
    asked = Asked(adapter=str(folder), rank=1, out=tmp_path / "cut", json=tmp_path / "figures.json")
    with pytest.raises(StudyError, match=words) as raised:
        list(audit(asked))
    assert "\n" not in str(raised.value)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_that_is_not_there_is_no_hub_id(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no such folder"):
        list(audit(Asked(adapter=str(tmp_path / "nothing"))))


def test_ranks_and_scalings_are_those_of_the_first_key_that_matches(tmp_path: Path) -> None:
    patterns = {"alpha_pattern": {"self.query": 6, "query": 1}, "use_rslora": True}
    (module,) = read(write(tmp_path / "adapter", **patterns)).modules.values()
    assert module.scaling == pytest.approx(6 / 2**0.5)
    assert (module.rank, module.in_features, module.out_features) == (2, 6, 5)


def test_layers_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    folder = write(tmp_path / "adapter")
    found = {}
    for layer in (10, 2, 1):
        name = NAME.replace("layer.0", f"layer.{layer}")
        found[f"{name}.lora_A.weight"] = torch.ones(2, 6)
        found[f"{name}.lora_B.weight"] = torch.ones(5, 2)
    save_file(found, folder / WEIGHTS)
    assert [name.split(".")[3] for name in read(folder).modules] == ["1", "2", "10"]
