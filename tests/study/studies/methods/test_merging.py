"""Merging is tried: what can be merged computes the same, what cannot says why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from lora import peft_format
from lora.adapter import extract
from lora.inject import eject
from study.analyses.cost.plain import load_plain, padded_batches
from study.arms import lora
from study.entry.errors import StudyError
from study.studies.methods import settings
from study.studies.methods.comparison.merging import merging
from study.studies.methods.training.choose import choose
from study.studies.methods.training.trained import save_state
from tests.lora.models import FAMILIES
from tests.study import toys
from tests.study.companion_settings import own
from tests.study.studies.methods.test_methods import trained
from tests.study.studies.methods.test_quantised import load as wide_model

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
METHODS = own(settings.METHODS)


def plain(family: str) -> tuple[Any, Any]:
    data = toys.prepared(pad=FAMILIES[family].config.pad_token_id or 0)
    model = load_plain(str(toys.saved(family)), data, torch.float32)
    return model, padded_batches(data.test, len(data.test), data.pad_token_id)[0]


@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert", "gpt2", "llama"])
def test_ia3_is_merged(family: str, tmp_path: Path) -> None:
    result = trained("ia3", family)
    save_state(result.state, tmp_path)
    model, inputs = plain(family)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    found = merging("ia3", METHODS, model, inputs, tmp_path)
    assert found["mergeable"]
    assert 0 < found["merge_difference"] < 1e-5
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_biases_stand_in_the_model_itself(tmp_path: Path) -> None:
    save_state(trained("bitfit", "bert").state, tmp_path)
    found = merging("bitfit", METHODS, *plain("bert"), tmp_path)
    assert found == {"mergeable": True, "merge_difference": 0.0}


@pytest.mark.parametrize(("name", "word"), [("adapter", "nonlinearity"), ("prefix", "attention")])
def test_what_cannot_be_merged_says_why(name: str, word: str, tmp_path: Path) -> None:
    found = merging(name, METHODS, *plain("bert"), tmp_path)
    assert not found["mergeable"]
    assert word in found["merge_reason"]
    with pytest.raises(StudyError, match=word):
        choose(name, METHODS).merge(toys.load(toys.saved("bert")))


def test_an_adapter_is_merged(tmp_path: Path) -> None:
    config = toys.lora_config(FAMILIES["bert"])
    (result,) = toys.train_lora([toys.lora_run()])
    model = toys.load(toys.saved("bert"))
    peft_format.save(lora.adapter_of(model, config, result.state), tmp_path)
    found = merging("lora", METHODS, *plain("bert"), tmp_path)
    assert found["mergeable"]
    assert found["merge_difference"] < 1e-5


def test_a_base_in_four_bit_takes_no_adapter_in(tmp_path: Path) -> None:
    model = wide_model(FAMILIES["bert"])
    config = toys.lora_config(FAMILIES["bert"])
    lora.adapt(model, [config], [0])
    peft_format.save(extract(model), tmp_path)
    eject(model)
    inputs = {"input_ids": torch.ones(1, 3, dtype=torch.int64)}
    found = merging("qlora", METHODS, model, inputs, tmp_path)
    assert not found["mergeable"]
    assert found["merge_reason"].startswith("the base's weight is in four bit")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    for name in ("lora", "ia3"):
        with pytest.raises(StudyError, match=r"run `dvc repro methods/dvc\.yaml`"):
            merging(name, METHODS, *plain("bert"), tmp_path / "nothing")
