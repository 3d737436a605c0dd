"""A trained LoRA, cut down: what is left of its update, and what it predicts."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from lora import peft_format
from lora.adapter import Adapter
from lora.stacking import truncated
from study.analyses.capacity.adapters import adapter_logits
from study.arms import lora
from study.entry.errors import StudyError
from study.evaluation.attached import read_adapter
from study.models.matrices import linear_modules, weight_of
from study.training.loop import RunResult
from study.training.machine import compute_dtype
from tests.lora.models import FAMILIES
from tests.study import toys
from tests.study.compare import each_precision

RANK = 4
DATA = toys.prepared(test=200)
each_head = pytest.mark.parametrize("family", ["bert", "distilbert", "gpt2"])


def trained(family: str, precision: str = "fp32", seed: int = 0) -> tuple[RunResult, Adapter]:
    """Train LoRA far enough that its predictions are its own."""
    run = toys.lora_run(seed, 0.1, RANK)
    (result,) = toys.train_lora([run], family=family, data=DATA, precision=precision)
    config = toys.lora_config(FAMILIES[family], RANK)
    model = toys.load(toys.saved(family))
    return result, lora.adapter_of(model, config, result.state)


def predicted(family: str, adapters: list[Adapter], precision: str = "fp32") -> Tensor:
    settings = toys.train_settings(precision=precision)
    model = toys.load(toys.saved(family), dtype=compute_dtype(settings))
    found = adapter_logits(model, adapters, DATA, settings).argmax(dim=-1)
    alone = adapter_logits(model, adapters[:1], DATA, settings).argmax(dim=-1)
    assert torch.equal(alone[0], found[0])
    return found


def update(adapter: Adapter, name: str) -> Tensor:
    A, B = adapter.factors[name]
    return adapter.config.scaling_of(name) * B.double() @ A.double()


@pytest.mark.parametrize("rank", [1, 3])
def test_every_module_is_cut_to_its_nearest_update_of_the_rank(rank: int) -> None:
    _, whole = trained("bert")
    cut = truncated(whole, rank)
    assert cut.config.rank == rank
    assert cut.factors.keys() == whole.factors.keys()
    for name in whole.factors:
        U, S, Vh = torch.linalg.svd(update(whole, name))
        nearest = U[:, :rank] * S[:rank] @ Vh[:rank]
        torch.testing.assert_close(update(cut, name), nearest, atol=1e-6, rtol=1e-5)
        assert cut.config.scaling_of(name) == 1
    assert cut.head is whole.head
    assert truncated(whole, RANK) is whole


@each_head
def test_whole_it_predicts_as_its_run_did(family: str) -> None:
    check_whole(family, "fp32")


@each_precision
def test_whole_it_predicts_as_its_run_did_in_each_precision(precision: str) -> None:
    check_whole("bert", precision)


def check_whole(family: str, precision: str) -> None:
    result, whole = trained(family, precision)
    assert torch.equal(predicted(family, [whole], precision)[0], result.test_predictions)


@each_head
def test_cut_down_it_predicts_as_the_merged_model_does(family: str) -> None:
    """Ranks and seeds share the passes, and each predicts as if it were alone."""
    adapters = [truncated(trained(family, seed=s)[1], r) for s in (0, 1) for r in (1, 3, 4)]
    found = predicted(family, adapters)
    for adapter, row in zip(adapters, found, strict=True):
        model = toys.reference(toys.saved(family)).requires_grad_(False)
        for name, module in linear_modules(model).items():
            if name in adapter.factors:
                weight_of(module).add_(update(adapter, name))
        model.load_state_dict(adapter.head, strict=False)
        inputs, _ = toys.padded(DATA.test, torch.arange(200), 0)
        with torch.no_grad():
            assert torch.equal(row, model(**inputs).logits.argmax(-1))
    assert len({tuple(row.tolist()) for row in found}) > len(adapters) - 2  # not all the same


def test_an_adapter_that_is_not_there_names_its_folder_and_stage(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"r4/s1.* is not there.*; run `dvc repro lora@4`"):
        read_adapter(4, 1, tmp_path)
    _, whole = trained("bert")
    peft_format.save(whole, tmp_path / "r4/s1")
    assert read_adapter(4, 1, tmp_path).factors.keys() == whole.factors.keys()
