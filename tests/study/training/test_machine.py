"""What settings say of the machine, and what is said of it afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from study.entry.errors import StudyError
from study.records.json_file import read_json
from study.training.machine import ISA_CAPS, Machine, compute_dtype, device, kernels
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
    assert words["kernels"] == kernels()
    installed = words["versions"]["torch"]  # a build for CUDA says so in its own version alone
    assert installed.startswith("2.")
    assert torch.__version__.startswith(installed)
    assert words["seconds"] >= 0
    assert words["runs"] == 3
    assert words["peak_gpu_memory_bytes"] is None


def test_processors_of_one_name_are_told_apart_by_their_instruction_sets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for cap in ISA_CAPS:
        monkeypatch.delenv(cap, raising=False)
    words = "vendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t: 143\nflags\t: sse avx2 avx512f"
    (tmp_path / "with").write_text(f"{words} amx_bf16\n\nvendor_id\t: Another\n")
    (tmp_path / "without").write_text(f"{words}\n")
    amx, plain = kernels(tmp_path / "with"), kernels(tmp_path / "without")
    assert (amx["vendor"], amx["family"], amx["model"]) == ("GenuineIntel", "6", "143")
    assert amx["instruction_sets"] == ["avx2", "avx512f", "amx_bf16"]
    assert plain == amx | {"instruction_sets": ["avx2", "avx512f"]}
    assert kernels(tmp_path / "nowhere")["instruction_sets"] == []


def test_a_cap_on_instruction_sets_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for cap in ISA_CAPS:
        monkeypatch.delenv(cap, raising=False)
    assert kernels()["max_isa"] is None
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert kernels()["max_isa"] == "AVX2"
