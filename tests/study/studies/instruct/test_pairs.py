"""Pairs: templates made of reviews, Alpaca's form, what is refused, splits without leaks."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from study.entry.errors import StudyError
from study.studies.instruct.pairs.pairs import read_pairs
from study.studies.instruct.pairs.preparing import prepare
from study.studies.instruct.pairs.templates import TEMPLATES, pairs_of
from study.studies.instruct.settings import whole
from study.studies.instruct.settings.pairs import PairSettings
from tests.pipeline import toys as reviews
from tests.study.studies.instruct import toys

DEFAULT = whole.load(toys.ROOT / "instruct/params.yaml").data


def alpaca(path: Path, rows: object) -> PairSettings:
    path.write_text(json.dumps(rows), encoding="utf-8")
    return replace(DEFAULT, form="alpaca", name=str(path), where=None)


def test_each_review_makes_one_pair_and_the_seed_fixes_which() -> None:
    texts = [row["text"] for row in reviews.sentences()]
    praise = [row["label"] == 1 for row in reviews.sentences()]
    first, again, other = (pairs_of(texts, praise, seed) for seed in (0, 0, 1))
    assert first == again
    assert first != other
    assert len(first) == len(texts)
    assert {pair.kind for pair in first} == {
        *("sentiment", "liked", "recommends", "finish", "write", "write_with")
    }
    assert all(pair.instruction and pair.response for pair in first)


def test_a_pair_says_what_the_label_and_the_text_say() -> None:
    text = "a warm and witty film about nothing at all"
    for number in range(len(TEMPLATES)):
        for phrasing in (0, 1):
            good, bad = (TEMPLATES[number](text, praises, phrasing) for praises in (True, False))
            assert good is not None
            assert bad is not None
            if good.kind == "finish":
                assert good == bad
                assert f"{good.input} {good.response}" == text
            elif good.kind.startswith("write"):
                assert good.response == bad.response == text
                assert "positive" in good.instruction
                assert "negative" in bad.instruction
            else:
                assert good.input == bad.input == text
                assert good.response != bad.response
    assert {t("good", True, 0).response for t in TEMPLATES[:3]} == {  # type: ignore[union-attr]
        *("positive", "True", "Yes, the reviewer liked it.")
    }


def test_a_short_review_takes_a_kind_that_it_can() -> None:
    pairs = pairs_of(["good !"] * 200, [True] * 200, 0)
    assert "finish" not in {pair.kind for pair in pairs}
    assert len(pairs) == 200


def test_the_kind_tells_nothing_of_the_label() -> None:
    found = read_pairs(DEFAULT)
    kinds = sorted({pair.kind for pair in found.pairs})
    table = np.zeros((len(kinds), 2))
    for pair, group in zip(found.pairs, found.groups, strict=True):
        table[kinds.index(pair.kind), group] += 1
    assert chi2_contingency(table).pvalue > 0.001


def test_another_positive_label_is_refused() -> None:
    with pytest.raises(StudyError, match=r"data.positive: 'good'; allowed: one of .* has 0, 1"):
        read_pairs(replace(DEFAULT, positive="good"))


def test_alpaca_rows_become_pairs_once_each(tmp_path: Path) -> None:
    rows = toys.alpaca_rows(5)
    found = read_pairs(alpaca(tmp_path / "x.json", [*rows, rows[0]]))
    assert [(p.instruction, p.input, p.response) for p in found.pairs] == [
        (row["instruction"], row["input"], row["output"]) for row in rows
    ]
    assert (found.rows, found.dropped) == (6, {"duplicate": 1})


def test_the_input_column_may_be_missing_and_no_other(tmp_path: Path) -> None:
    rows = [{"instruction": "Say one.", "output": "one"}]
    found = read_pairs(alpaca(tmp_path / "x.json", rows))
    assert found.pairs[0].input == ""
    for column in ("instruction", "output"):
        bad = [{"other": "x", **{k: v for k, v in rows[0].items() if k != column}}]
        with pytest.raises(StudyError, match=f"has no column '{column}'"):
            read_pairs(alpaca(tmp_path / f"{column}.json", bad))


@pytest.mark.parametrize("column", ["instruction", "output"])
def test_an_empty_text_is_refused_with_its_row(column: str, tmp_path: Path) -> None:
    rows = toys.alpaca_rows(4)
    rows[2][column] = "  "
    with pytest.raises(StudyError, match=f"1 of 4 rows have an empty {column}, first row 3"):
        read_pairs(alpaca(tmp_path / "x.json", rows))


def test_no_family_of_prompts_is_in_two_splits(tmp_path: Path) -> None:
    model = toys.write_model(tmp_path / "model")
    rows = toys.alpaca_rows(90)
    rows += [
        {**row, "instruction": "Please: " + row["instruction"].lower(), "output": "other"}
        for row in rows
    ]
    data = replace(
        alpaca(tmp_path / "x.json", rows), train_size=None, validation_size=20, test_size=40
    )
    prepared, report = prepare(replace(data, system=None, max_length=120), str(model))
    assert report["relatives_set_aside"]["test"] > 0
    assert len(prepared.test) == 40
    texts = {}
    for name in ("train", "test"):
        split = getattr(prepared, name)
        texts[name] = {
            bytes(split.input_ids[a:b].tolist()).decode("latin1")
            for a, b in zip(split.offsets[:-1].tolist(), split.offsets[1:].tolist(), strict=True)
            if int(split.input_ids[a:b].max()) < 256
        }
    assert not texts["train"] & texts["test"]


def test_what_goes_before_every_instruction_and_what_is_cut_is_reported(tmp_path: Path) -> None:
    model = toys.write_model(tmp_path / "model")
    rows = toys.alpaca_rows(40)
    rows[0]["output"] = "x" * 200
    source = replace(alpaca(tmp_path / "x.json", rows), system="Be brief.", max_length=120)
    data = replace(source, train_size=20, validation_size=8, test_size=12)
    _, report = prepare(data, str(model))
    assert (report["system"], report["max_length"]) == ("Be brief.", 120)
    assert sum(part["responses_cut"] for part in report["splits"].values()) == 1


def test_one_held_out_pair_is_refused(tmp_path: Path) -> None:
    data = replace(alpaca(tmp_path / "x.json", toys.alpaca_rows(20)), test_size=1)
    with pytest.raises(StudyError, match=r"data.test_size: 1; allowed: 2 or more"):
        prepare(data, "no model is read")


def test_too_few_pairs_are_counted_as_pairs(tmp_path: Path) -> None:
    model = toys.write_model(tmp_path / "model")
    data = replace(alpaca(tmp_path / "x.json", toys.alpaca_rows(20)), system=None, max_length=96)
    with pytest.raises(StudyError) as refused:
        prepare(data, str(model))
    said, command = str(refused.value).split("\n")
    assert "data.test_size: 400: more than there is." in said
    assert "x.json has 20 rows; so 20 pairs are left. These sizes fit: data.train_size=11" in said
    start, *settings = command.split(" -S instruct/params.yaml:data.")
    assert start == "  dvc exp run instruct/dvc.yaml"
    found = {key: int(size) for key, _, size in (text.partition("=") for text in settings)}
    assert found == {"train_size": 11, "validation_size": 2, "test_size": 7}
    _, report = prepare(replace(data, **found), str(model))
    assert {name: part["pairs"] for name, part in report["splits"].items()} == {
        name.removesuffix("_size"): size for name, size in found.items()
    }
