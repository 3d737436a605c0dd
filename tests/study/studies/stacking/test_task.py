"""No sentence of the other task is one that the study trains, validates or tests on."""

from __future__ import annotations

import csv
import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from study.data.overlap import standing_in
from study.data.preparing import prepare
from study.data.relatives import related
from study.entry.errors import StudyError
from study.records.prepared import SPLITS, Prepared, Split
from study.settings.source import SourceSettings
from study.settings.whole import Settings
from study.studies.stacking.combining.task import other_data, prepare_other
from tests.study.analyses.capacity.made import toy_settings
from tests.study.tiny_models import write_bert

FIRST = "film plot cast story music end light sound"
MIDDLE = "good bad long short dull fine"
LAST = "one two three four"
SIZES = (60, 24, 40)


def sentences(count: int, start: int = 0) -> list[str]:
    """Distinct sentences of five words, none of which stands in another."""
    words = itertools.product(FIRST.split(), MIDDLE.split(), LAST.split())
    each = [f"{noun} is {word} and {number}" for noun, word, number in words]
    return each[start : start + count]


def with_other(tmp_path: Path, texts: list[str]) -> Settings:
    with (tmp_path / "other.csv").open("w", newline="") as stream:
        rows = [(text, str(i % 2)) for i, text in enumerate(texts)]
        csv.writer(stream).writerows([("text", "label"), *rows])
    vocabulary = f"{FIRST} {MIDDLE} {LAST} is and so it seems ."
    model = str(write_bert(tmp_path / "bert", vocabulary))
    source = SourceSettings(str(tmp_path / "other.csv"), None, "train", "text", "label", None)
    plain = toy_settings("bert")
    train, validation, test = SIZES
    return replace(
        plain,
        model=replace(plain.model, name=model),
        data=replace(plain.data, max_length=14),
        stacking=replace(
            plain.stacking,
            source=source,
            train_size=train,
            validation_size=validation,
            test_size=test,
        ),
    )


def parts(count: int, *splits: Split) -> list[Split]:
    """Return the first sentences of each."""
    found = []
    for split in splits:
        tokens = int(split.lengths[:count].sum())
        found.append(Split(split.input_ids[:tokens], split.lengths[:count], split.labels[:count]))
    return found


def unknown(settings: Settings) -> Prepared:
    """Draw the other task as it is where the study knows none of it."""
    drawn, _ = prepare(other_data(settings), settings.model.name)
    return drawn


def study(drawn: Prepared, **splits: Split) -> Prepared:
    """Return a study of other sentences, but for the splits that are given."""
    strange = Split(torch.tensor([4, 4, 4]), torch.tensor([3]), torch.tensor([0]))
    every: dict[str, Any] = dict.fromkeys(SPLITS, strange) | splits
    return replace(drawn, **every)


def test_what_the_study_does_not_know_stays_as_it_was_drawn(tmp_path: Path) -> None:
    settings = with_other(tmp_path, sentences(160))
    drawn = unknown(settings)
    other, report = prepare_other(settings, study(drawn))
    for name in SPLITS:
        for tensor in ("input_ids", "lengths", "labels"):
            assert torch.equal(*(getattr(getattr(x, name), tensor) for x in (other, drawn)))
    assert report["left_out"] == dict.fromkeys(SPLITS, 0)
    assert tuple(report["kept"].values()) == SIZES


@pytest.mark.parametrize("of_study", SPLITS)
@pytest.mark.parametrize("of_other", SPLITS)
def test_neither_task_is_tested_on_what_the_other_has_read(
    tmp_path: Path, of_study: str, of_other: str
) -> None:
    settings = with_other(tmp_path, sentences(160))
    drawn = unknown(settings)
    (known,) = parts(7, getattr(drawn, of_other))
    other, report = prepare_other(settings, study(drawn, **{of_study: known}))
    assert report["left_out"] == dict.fromkeys(SPLITS, 0) | {of_other: 7}
    left = getattr(other, of_other)
    assert len(left) == report["kept"][of_other] == len(getattr(drawn, of_other)) - 7
    assert not standing_in(left, [known]).any()


def test_near_duplicates_are_left_out_too(tmp_path: Path) -> None:
    plain = sentences(160)
    (known,) = parts(9, unknown(with_other(tmp_path, plain)).test)
    settings = with_other(tmp_path, [f"it seems so: {text}." for text in plain])
    other, report = prepare_other(settings, study(unknown(settings), test=known))
    assert sum(report["left_out"].values()) == 9  # wherever they were drawn
    for name in SPLITS:
        assert not related(getattr(other, name), [known], settings.model.name).any()


def test_a_source_that_the_study_knows_mostly_is_refused(tmp_path: Path) -> None:
    settings = with_other(tmp_path, sentences(160))
    drawn = unknown(settings)
    half, more = (parts(number, drawn.train)[0] for number in (30, 31))
    _, report = prepare_other(settings, study(drawn, validation=half))
    assert report["kept"]["train"] == 30
    with pytest.raises(
        StudyError, match=r"stacking/params\.yaml:source: .*other\.csv.* 60 train .* reads 31"
    ):
        prepare_other(settings, study(drawn, validation=more))
    with pytest.raises(StudyError, match=r"stacking/params\.yaml:source: .* 40 test .* reads 40"):
        prepare_other(settings, study(drawn, train=drawn.test))


def test_what_is_refused_of_the_other_task_is_told_with_the_settings_that_it_has(
    tmp_path: Path,
) -> None:
    nobody = study(unknown(with_other(tmp_path, sentences(160))))
    settings = with_other(tmp_path, sentences(100))
    with pytest.raises(StudyError) as refused:
        prepare_other(settings, nobody)
    *_, command = str(refused.value).split("\n")
    assert command.startswith("  dvc exp run stacking/dvc.yaml -S stacking/params.yaml:train_size=")
    share = replace(settings, data=replace(settings.data, max_dropped_share=0.0))
    path = tmp_path / "other.csv"
    path.write_text(path.read_text() + ",1\n")
    with pytest.raises(StudyError, match=r"stacking/dvc\.yaml -S data\.max_dropped_share=0\.01$"):
        prepare_other(share, nobody)


def test_a_regression_is_refused_by_its_key_with_the_reason(tmp_path: Path) -> None:
    settings = with_other(tmp_path, sentences(160))
    numbers = replace(study(unknown(settings)), task="regression", label_names=())
    with pytest.raises(StudyError) as refused:
        prepare_other(settings, numbers)
    said = str(refused.value)
    assert said.startswith("data.task: regression; stacking is not defined for it, as it counts")
    assert said.endswith("allowed: classification")


def test_one_column_has_no_halves_whatever_the_study_lets_repeat(tmp_path: Path) -> None:
    settings = with_other(tmp_path, sentences(160))
    own = replace(settings.data, text=("a", "b"), pair_halves="may_repeat")
    assert other_data(replace(settings, data=own)).pair_halves == "apart"
