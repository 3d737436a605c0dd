"""Numbers as labels: read as such where it is said, refused by name else, in no strata."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.data.preparing import prepare
from study.entry.errors import StudyError
from study.records.prepared import SPLITS
from tests.study.data.test_preparing import SENTENCES, WORDS, data_settings, write
from tests.study.tiny_models import write_bert

TEXTS = [text for text, _ in SENTENCES]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_bert(tmp_path_factory.mktemp("models") / "bert", " ".join(WORDS)))


def rated(folder: Path, labels: list[str]) -> str:
    return write(folder / "rated.csv", list(zip(TEXTS, labels, strict=True)), ("text", "label"))


def test_labels_are_the_numbers_and_there_are_no_classes(tmp_path: Path, model: str) -> None:
    written = [("%.2f", "%g", "%.1e", "+%g")[i % 4] % (i / 4) for i in range(len(TEXTS))]
    file = rated(tmp_path, written)
    found, report = prepare(data_settings(file, task="regression"), model)
    assert (found.task, found.num_labels, found.label_names) == ("regression", 1, ())
    numbers = {float(x) for x in written}
    kept = [x for name in SPLITS for x in getattr(found, name).labels.tolist()]
    assert len(kept) == 90
    assert all(min(abs(x - y) for y in numbers) < 1e-5 for x in kept)
    test = report["splits"]["test"]
    assert test["label_least"] <= test["label_mean"] <= test["label_most"]
    assert "class_counts" not in test
    assert report["task"] == "regression"


def test_whole_numbers_are_classes_unless_it_is_said(tmp_path: Path, model: str) -> None:
    file = rated(tmp_path, [str(1 + i % 5) for i in range(len(TEXTS))])
    assert prepare(data_settings(file), model)[0].label_names == ("1", "2", "3", "4", "5")
    assert prepare(data_settings(file, task="regression"), model)[0].num_labels == 1


@pytest.mark.parametrize("wrong", ["good", "inf", "1_000", "1e39", "0x1"])
def test_what_is_no_finite_number_is_refused_by_its_words(
    tmp_path: Path, model: str, wrong: str
) -> None:
    file = rated(tmp_path, ["0.5", wrong, *["1"] * (len(TEXTS) - 2)])
    with pytest.raises(StudyError, match="1 of 128 labels are no finite numbers") as error:
        prepare(data_settings(file, task="regression"), model)
    assert repr(wrong) in str(error.value)
    assert "data.label" in str(error.value)


def test_one_number_for_all_is_refused(tmp_path: Path, model: str) -> None:
    file = rated(tmp_path, ["2"] * len(TEXTS))
    with pytest.raises(StudyError, match="all 40 sentences have the label 2"):
        prepare(data_settings(file, task="regression"), model)


def test_fractions_of_a_classification_are_refused_with_the_setting_for_them(
    tmp_path: Path, model: str
) -> None:
    file = rated(tmp_path, ["0.5", "1.5"] * (len(TEXTS) // 2))
    with pytest.raises(StudyError, match=r"or with data\.task: regression numbers"):
        prepare(data_settings(file), model)
