"""What settings say of the machine, and what is said of it afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from study.entry.errors import StudyError
from study.records.json_file import read_json
from study.training.machine import Machine, compute_dtype, device
from tests.study import toys


@pytest.mark.parametrize(
    ("wanted", "there", "used"),
    [
        ("auto", True, "cuda"),
        ("auto", False, "cpu"),
        ("cpu", True, "cpu"),
        ("cpu", False, "cpu"),
        ("cuda", True, "cuda"),
    ],
)
def test_the_device(wanted: str, there: bool, used: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert device(toys.train_settings(device=wanted)).type == used


def test_cuda_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(StudyError, match=r"train\.device: cuda.*allowed: auto, cpu"):
        device(toys.train_settings(device="cuda"))


def test_the_precision() -> None:
    assert compute_dtype(toys.train_settings(precision="bf16")) == torch.bfloat16
    assert compute_dtype(toys.train_settings(precision="fp32")) == torch.float32


def test_a_machines_file_names_hardware_versions_and_cost(tmp_path: Path) -> None:
    Machine().write(tmp_path / "machine.json", toys.train_settings(), runs=3)
    words = read_json(tmp_path / "machine.json")
    assert words["device_type"] == "cpu"
    assert words["device"]
    assert words["versions"]["torch"] == torch.__version__
    assert words["seconds"] >= 0
    assert words["runs"] == 3
    assert words["peak_gpu_memory_bytes"] is None
