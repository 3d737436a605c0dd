"""Reading what every run did to the weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from study.errors import StudyError
from study.spectra.updates import lora_delta, lora_svd, read_updates
from tests.study.spectra.cases import write_runs
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
    for name in targets:  # the factors' SVD is that of the dense update
        adapter = found.lora[3][2]
        svd = lora_svd(adapter, name)
        dense = (svd.U * svd.S) @ svd.Vh
        torch.testing.assert_close(dense.float(), lora_delta(adapter, name), rtol=1e-4, atol=1e-5)


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
