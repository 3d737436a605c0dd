"""Nothing is unpickled: models with pickled weights alone are refused, with the way to convert."""

from __future__ import annotations

import os
import pickle
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification

from study.entry.errors import StudyError
from study.models.matrices import read_tuned
from study.models.packed import load_pretrained
from study.sources.resolve import resolve
from tests.pipeline import toys


class Armed:
    """Leaves a file behind where it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.trace),)


def pickled_model(folder: Path) -> Path:
    """Write a model whose weights are a pickle, as torch.save writes them."""
    toys.write_model(folder)
    weights = load_file(folder / "model.safetensors")
    torch.save(weights, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    return folder


def load(name: str) -> Any:
    return load_pretrained(name, 2, torch.float32, 0.0, 16)


def test_a_folder_of_pickled_weights_is_refused_before_any_is_read(tmp_path: Path) -> None:
    folder = pickled_model(tmp_path / "mine")
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Armed(tmp_path / "ran")))
    for ask in (load, lambda name: resolve(name, "model")):
        with pytest.raises(StudyError, match=r"^model\.name: .*pytorch_model\.bin.*safetensors"):
            ask(str(folder))
    assert not (tmp_path / "ran").exists()


def test_the_command_of_the_refusal_converts_them(tmp_path: Path) -> None:
    folder = pickled_model(tmp_path / "my model")
    before = torch.load(folder / "pytorch_model.bin", weights_only=True)
    with pytest.raises(StudyError) as refused:
        load(str(folder))
    command = shlex.split(str(refused.value).splitlines()[-1])
    assert command[0] == "python"
    subprocess.run([sys.executable, *command[1:]], check=True, cwd=tmp_path)
    model = load(str(folder))
    for name, tensor in before.items():
        if name.startswith("bert."):
            assert torch.equal(model.get_parameter(name), tensor), name


def test_a_hubs_pickled_weights_are_refused_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the hub's cache holds them; without the network."""
    repository, revision = tmp_path / "models--some--pickled", "0" * 40
    pickled_model(repository / "snapshots" / revision)
    (repository / "refs").mkdir()
    (repository / "refs/main").write_text(revision)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    AutoModelForSequenceClassification.from_pretrained("some/pickled")  # which transformers takes
    with pytest.raises(StudyError, match="never loaded; `hf download some/pickled --local-dir"):
        load("some/pickled")


def test_a_tuned_model_is_never_read_from_a_pickle(tmp_path: Path) -> None:
    pickled_model(tmp_path / "s0")
    with pytest.raises(StudyError, match="cannot be loaded"):
        read_tuned(0, tmp_path)
