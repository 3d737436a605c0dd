"""A classifier whose head is a part of its encoder is refused, whatever its checkpoint holds."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import AutoConfig, PerceiverForMaskedLM, PerceiverForSequenceClassification

from checks.families.making import CLASSIFIER, make
from study.entry.errors import StudyError
from study.feasibility.batching import choose_batching
from study.feasibility.inner_head import refuse_inner_head


@pytest.fixture(scope="module")
def perceiver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("made") / "perceiver", "perceiver", CLASSIFIER)


@pytest.mark.parametrize("classes", [2, 3, None], ids=["two", "three", "a language model's"])
def test_perceiver_is_refused(perceiver: Path, classes: int | None) -> None:
    config = AutoConfig.from_pretrained(perceiver)
    if classes is not None:
        config.num_labels = classes
    kind = PerceiverForMaskedLM if classes is None else PerceiverForSequenceClassification
    kind(config).save_pretrained(perceiver)
    with pytest.raises(StudyError, match=r"model\.name: .* has its head inside its encoder, where"):
        choose_batching(str(perceiver), 32)


def test_others_are_left_alone(tmp_path: Path) -> None:
    refuse_inner_head(str(make(tmp_path / "bert", "bert", CLASSIFIER)))


def test_what_cannot_be_built_is_left_to_those_who_load_it(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "no such"}', encoding="utf-8")
    refuse_inner_head(str(tmp_path))
