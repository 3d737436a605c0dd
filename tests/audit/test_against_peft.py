"""PEFT's own conversion finds the same ranks and makes the same updates, where it is made for them.

It forms every update whole, of linear layers alone, and takes its SVD in fp32.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from peft.tuners.lora.conversion import convert_to_lora
from torch import Tensor

from audit.command import Asked, audit
from audit.saved import PREFIX
from tests.audit.made import deltas, loaded, make, quiet

LINEAR = ("lora", "rslora", "patterns", "causal")


def converted(name: str, adapter: Path, rank: float) -> dict[str, tuple[Tensor, Tensor]]:
    """PEFT's A and B by module."""
    with quiet():
        _, tensors = convert_to_lora(loaded(name, adapter), rank=rank)
    ends = (".lora_A.weight", ".lora_B.weight")
    names = [key.removesuffix(ends[0]) for key in tensors if key.endswith(ends[0])]
    return {n.removeprefix(PREFIX): (tensors[n + ends[0]], tensors[n + ends[1]]) for n in names}


@pytest.mark.parametrize("name", LINEAR)
def test_ranks_for_a_share_of_the_energy_are_pefts(name: str, tmp_path: Path) -> None:
    adapter, _ = make(name, tmp_path)
    list(audit(Asked(str(adapter), json=tmp_path / "f.json")))
    rows = json.loads((tmp_path / "f.json").read_text())["by_module"]
    for share in (0.9, 0.95):
        theirs = {n: len(A) for n, (A, _) in converted(name, adapter, share).items()}
        assert {row["module"]: row["energy_ranks"][f"{share:g}"] for row in rows} == theirs


@pytest.mark.parametrize("name", LINEAR)
def test_updates_cut_to_a_rank_are_pefts(name: str, tmp_path: Path) -> None:
    adapter, _ = make(name, tmp_path)
    list(audit(Asked(str(adapter), rank=2, out=tmp_path / "cut")))
    mine = deltas(loaded(name, tmp_path / "cut"))
    theirs = converted(name, adapter, 2)
    assert mine.keys() == theirs.keys()
    for module, (A, B) in theirs.items():
        torch.testing.assert_close(mine[module], (B @ A).double(), rtol=0, atol=5e-6)
