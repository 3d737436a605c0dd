"""Reading what every run did to the weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lora.adapter import Adapter
from study.analyses.spectra.updates import Matrix, lora_svd, read_updates
from study.entry.errors import StudyError
from tests.study.analyses.spectra.cases import write_runs
from tests.study.toys import each_family, load, saved


@each_family
def test_every_run_of_every_family_is_read(family, tmp_path: Path):
    write_runs(tmp_path, [3, 1], [4, 2], family.name)
    found = read_updates(
        load(saved(family.name)), [3, 1], [4, 2], tmp_path / "full", tmp_path / "adapters"
    )
    assert list(found.lora) == [1, 3]
    assert list(found.full) == list(found.lora[1]) == [2, 4]
    targets = [matrix.module for matrix in found.matrices if matrix.target]
    assert tuple(targets) == family.adapted
    assert [m.module for m in found.matrices if m.first_target] == targets[:1]
    for matrix in found.matrices:
        assert all(
            updates[matrix.module].shape == matrix.W0.shape for updates in found.full.values()
        )
    assert {m.layer for m in found.matrices} <= {0, 1, None}
    first = found.matrices[0]
    assert first.layer == 0
    assert first.module.endswith(f".0.{first.kind}")
    adapter = found.lora[3][2]
    for matrix in found.matrices:
        if matrix.target:  # the factors' SVD is that of the dense update, DoRA's that of its own
            check_svd(adapter, matrix)
            check_svd(as_dora(adapter), matrix)


def as_dora(adapter: Adapter) -> Adapter:
    """Give an adapter magnitudes between 1 and 2."""
    outs = {name: len(B) for name, (_, B) in adapter.factors.items()}
    magnitudes = {name: torch.linspace(1, 2, n) for name, n in outs.items()}
    return replace(adapter, config=replace(adapter.config, use_dora=True), magnitudes=magnitudes)


def check_svd(adapter: Adapter, matrix: Matrix) -> None:
    svd = lora_svd(adapter, matrix.module, matrix.W0)
    dense = (svd.U * svd.S) @ svd.Vh
    delta = adapter.delta(matrix.module, matrix.W0)
    torch.testing.assert_close(dense.float(), delta, rtol=1e-4, atol=1e-5)
    norms = (matrix.W0 + delta).norm(dim=1)
    if adapter.config.use_dora:
        torch.testing.assert_close(norms, adapter.magnitudes[matrix.module])
        assert len(svd.S) > adapter.config.rank


def test_outside_the_layers_a_matrix_has_no_layer(tmp_path: Path):
    write_runs(tmp_path, [1], [0])
    found = read_updates(load(saved("bert")), [1], [0], tmp_path / "full", tmp_path / "adapters")
    last = found.matrices[-1]
    assert (last.module, last.layer, last.kind) == ("bert.pooler.dense", None, "pooler.dense")


def test_what_is_missing_is_named_with_its_stage(tmp_path: Path):
    write_runs(tmp_path, [1], [0])
    model = load(saved("bert"))
    with pytest.raises(StudyError, match=r"r2/s0.*run `dvc repro lora@2`"):
        read_updates(model, [1, 2], [0], tmp_path / "full", tmp_path / "adapters")
    with pytest.raises(StudyError, match=r"r1/s7.*run `dvc repro lora@1`"):
        read_updates(model, [1], [0, 7], tmp_path / "full", tmp_path / "adapters")
    with pytest.raises(StudyError, match=r"s0.*run `dvc repro full`"):
        read_updates(model, [1], [0], tmp_path / "elsewhere", tmp_path / "adapters")
    with pytest.raises(StudyError, match=r"not in the model"):
        read_updates(load(saved("gpt2")), [1], [0], tmp_path / "full", tmp_path / "adapters")
