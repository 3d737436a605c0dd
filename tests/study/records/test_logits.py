"""Logits come back as they were written, and a wrong file is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from study.arms.logits_file import write_logits
from study.entry.errors import StudyError
from study.records.logits import read_logits
from study.training.loop import Run, RunResult
from tests.study import toys


def test_logits_come_back_by_seed(tmp_path: Path) -> None:
    data = toys.prepared()
    sizes = (len(data.validation), len(data.test))
    results = [
        RunResult(Run("lora", 2, 0.1, seed), 1, (), (), (), *map(_drawn, sizes), {}, None)
        for seed in (11, 2)
    ]
    path = tmp_path / "logits/lora-r2.safetensors"
    write_logits(path, results, data)
    found = read_logits(path)
    assert list(found.validation) == list(found.test) == [2, 11]
    for result in results:
        assert found.test[result.run.seed].tobytes() == result.test_logits.numpy().tobytes()
        assert np.array_equal(found.validation[result.run.seed], result.validation_logits)
    assert found.test_labels.tolist() == data.test.labels.tolist()
    assert found.validation_labels.tolist() == data.validation.labels.tolist()
    assert [path] == list(path.parent.iterdir())


def _drawn(rows: int) -> torch.Tensor:
    return torch.randn(rows, 2)


def test_a_file_that_is_missing_or_another_is_named(tmp_path: Path) -> None:
    path = tmp_path / "full.safetensors"
    with pytest.raises(StudyError, match=r"full\.safetensors: no such file"):
        read_logits(path)
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(StudyError, match=r"full\.safetensors: not a file of logits"):
        read_logits(path)
    save_file({"s0/test": np.zeros((3, 2), np.float32)}, path)
    with pytest.raises(StudyError, match=r"full\.safetensors: not a file of logits"):
        read_logits(path)
