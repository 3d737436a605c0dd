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


def test_reviews_without_text_or_label_are_left_out_up_to_a_share(tmp_path: Path) -> None:
    path = tmp_path / "reviews.csv"
    rows = ["so good,1", "so bad,0", "very good,1", "odd,", ",1"]
    path.write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    data = replace(DEFAULT, name=str(path), where=None, max_dropped_share=0.4)
    found = read_pairs(data)
    assert len(found.pairs) == 3
    assert (found.dropped["empty"], found.dropped["without_label"]) == (1, 1)
    command = "exp run instruct/dvc.yaml -S instruct/params.yaml:data.max_dropped_share=0.4$"
    with pytest.raises(StudyError, match=command):
        read_pairs(replace(data, max_dropped_share=0.3))


def test_alpaca_rows_become_pairs_once_each(tmp_path: Path) -> None:
    rows = toys.alpaca_rows(5)
    found = read_pairs(alpaca(tmp_path / "x.json", [*rows, rows[0]]))
    assert [(p.instruction, p.input, p.response) for p in found.pairs] == [
        (row["instruction"], row["input"], row["output"]) for row in rows
    ]
    assert (found.rows, found.dropped) == (6, {"duplicate": 1})
    assert (found.form, found.unusable) == ("alpaca", {})


def test_the_input_column_may_be_missing_and_no_other(tmp_path: Path) -> None:
    rows = [{"instruction": "Say one.", "output": "one"}]
    found = read_pairs(alpaca(tmp_path / "x.json", rows))
    assert found.pairs[0].input == ""
    for column in ("instruction", "output"):
        bad = [{"other": "x", **{k: v for k, v in rows[0].items() if k != column}}]
        with pytest.raises(StudyError, match=f"has no column '{column}'"):
            read_pairs(alpaca(tmp_path / f"{column}.json", bad))


def with_unusable(path: Path) -> PairSettings:
    """Make 60 rows, of which four cannot be used and one stands twice."""
    rows = toys.alpaca_rows(60)
    rows[2]["output"] = "  "
    rows[9]["output"] = ""
    rows[5]["instruction"] = ""
    rows[7]["input"] = "x" * 200
    rows[59] = rows[58]
    sizes = {"train_size": 20, "validation_size": 8, "test_size": 12}
    return replace(alpaca(path, rows), system=None, max_length=96, **sizes)


def test_rows_that_cannot_be_used_are_left_out_and_counted(tmp_path: Path) -> None:
    model = toys.write_model(tmp_path / "model")
    _, report = prepare(with_unusable(tmp_path / "x.json"), str(model))
    assert report["source"]["dropped"] == {
        "duplicate": 1,
        "empty_instruction": 1,
        "empty_response": 2,
        "long_prompt": 1,
    }
    assert (report["source"]["rows"], report["source"]["pairs"]) == (60, 55)


def test_more_of_them_than_the_settings_allow_are_refused_with_reasons(tmp_path: Path) -> None:
    model = toys.write_model(tmp_path / "model")
    data = replace(with_unusable(tmp_path / "x.json"), max_dropped_share=0.05)
    with pytest.raises(StudyError) as refused:
        prepare(data, str(model))
    said = str(refused.value)
    assert said.startswith("data.max_dropped_share: 0.05, but 4 of 60 pairs of ")
    assert (
        "1 with an empty instruction (first row 6), 2 with an empty response (first row 3)" in said
    )
    assert "1 with a prompt that leaves no room for a response in data.max_length" in said
    assert "allowed: data.max_length above 2" in said
    prepare(replace(data, max_dropped_share=4 / 60), str(model))


def test_data_of_which_nothing_is_left_are_refused_whatever_the_share(tmp_path: Path) -> None:
    model = toys.write_model(tmp_path / "model")
    rows = [{"instruction": f"Say {i}.", "output": ""} for i in range(4)]
    data = replace(alpaca(tmp_path / "x.json", rows), max_dropped_share=1.0)
    with pytest.raises(StudyError, match=r"4 of 4 pairs of .* 4 with an empty response"):
        prepare(data, str(model))


def test_a_row_without_input_does_not_join_all_that_have_its_instruction(tmp_path: Path) -> None:
    model = toys.write_model(tmp_path / "model")
    rows = [
        {"instruction": "Say which number this is:", "input": f"{i}", "output": f"{i}"}
        for i in range(40)
    ]
    rows[3]["input"] = ""
    rows.append({**rows[3], "output": "another"})
    data = replace(alpaca(tmp_path / "x.json", rows), system=None, max_length=96)
    found = read_pairs(data)
    assert len(set(found.families.tolist())) == 40
    assert found.families[3] == found.families[40]
    sizes = {"train_size": 16, "validation_size": 8, "test_size": 8}
    prepare(replace(data, **sizes), str(model))


def test_a_family_that_holds_most_of_the_data_is_named(tmp_path: Path) -> None:
    model = toys.write_model(tmp_path / "model")
    rows = [
        {"instruction": f"Say which number this is: {i or ''}", "output": f"{i}"} for i in range(40)
    ]
    data = replace(alpaca(tmp_path / "x.json", rows), system=None, max_length=96)
    with pytest.raises(StudyError, match="40 are one family of questions that quote one another"):
        prepare(replace(data, train_size=16, validation_size=8, test_size=8), str(model))


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
    assert "data.test_size: 200: more than there is." in said
    assert "x.json has 20 rows; so 20 pairs are left. These sizes fit: data.train_size=8" in said
    start, *settings = command.split(" -S instruct/params.yaml:data.")
    assert start == "  dvc exp run instruct/dvc.yaml"
    found = {key: int(size) for key, _, size in (text.partition("=") for text in settings)}
    assert found == {"train_size": 8, "validation_size": 2, "test_size": 9}
    _, report = prepare(replace(data, **found), str(model))
    assert {name: part["pairs"] for name, part in report["splits"].items()} == {
        name.removesuffix("_size"): size for name, size in found.items()
    }
