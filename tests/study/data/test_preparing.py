"""Preparing: from rows to tokenised splits, and a report that adds up."""

from __future__ import annotations

import csv
import itertools
import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from dvc.utils.hydra import apply_overrides

from study.data.preparing import prepare
from study.entry.errors import StudyError
from study.entry.yaml_core import read_yaml
from study.records.prepared import SPLITS, Prepared, Split
from study.settings.data import DataSettings
from tests.study.tiny_models import SPECIAL, write_bert

SUBJECTS = ["film", "plot", "cast", "score", "script", "scene", "drama", "story"]
PLACES = ["here", "there", "now", "then", "always", "never", "often", "again"]
WORDS = ["good", "bad", "is", "the", *SUBJECTS, *PLACES]
SENTENCES = [
    (f"{subject} is {mood} {place}", mood)
    for mood, subject, place in itertools.product(("bad", "good"), SUBJECTS, PLACES)
]  # 64 of each mood


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_bert(tmp_path_factory.mktemp("models") / "bert", " ".join(WORDS)))


def write(path: Path, rows: list[tuple[str, str]], header: tuple[str, str]) -> str:
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([header, *rows])
    return str(path)


def data_settings(name: str, **changes: Any) -> DataSettings:
    defaults: dict[str, Any] = {
        "name": name,
        "subset": None,
        "split": "train",
        "task": "classification",
        "text": "text",
        "pair_halves": "apart",
        "label": "label",
        "where": None,
        "drop_labels": None,
        "test_name": None,
        "test_split": None,
        "test_text": None,
        "test_label": None,
        "train_size": 40,
        "validation_size": 20,
        "test_size": 30,
        "max_dropped_share": 0.1,
        "max_length": 8,
        "seed": 0,
    }
    return DataSettings(**(defaults | changes))


@pytest.fixture
def one(tmp_path: Path) -> str:
    return write(tmp_path / "reviews.csv", SENTENCES, ("text", "label"))


@pytest.fixture
def other(tmp_path: Path) -> str:
    """A test source of its own: eight of the sentences, quoted in longer ones, and new ones."""
    rows = [(f"The {text}!", mood) for text, mood in SENTENCES[:4] + SENTENCES[-4:]]
    rows += [(f"{mood} {mood} {place}", mood) for mood in ("good", "bad") for place in PLACES]
    return write(tmp_path / "tests.csv", rows, ("content", "mood"))


def texts(split: Split) -> list[str]:
    """Turn ids back into words; the vocabulary is in the order of the ids."""
    vocabulary = [*SPECIAL, *WORDS]
    parts = torch.split(split.input_ids, split.lengths.tolist())
    return [" ".join(vocabulary[i] for i in part.tolist()[1:-1]) for part in parts]


def parts(prepared: Prepared) -> list[Split]:
    return [getattr(prepared, name) for name in SPLITS]


def test_sentences_keep_their_words_and_labels(one: str, model: str) -> None:
    prepared, _ = prepare(data_settings(one), model)
    labels = {text: ["bad", "good"].index(mood) for text, mood in SENTENCES}
    assert prepared.label_names == ("bad", "good")
    for split in parts(prepared):
        assert [labels[text] for text in texts(split)] == split.labels.tolist()
        assert split.labels.dtype == torch.int64
        assert (split.labels.bincount() == len(split) // 2).all()


def test_no_sentence_is_in_two_splits(one: str, model: str) -> None:
    prepared, _ = prepare(data_settings(one, train_size=None), model)
    every = [text for split in parts(prepared) for text in texts(split)]
    assert len(set(every)) == len(every) == len(SENTENCES)


def test_the_report_adds_up(tmp_path: Path, model: str) -> None:
    noise = [
        ("", "bad"),
        ("cast is here", ""),
        ("film is good here", "good"),
        ("FILM is bad here", "good"),
    ]
    long = [("the film is good is good is good", "good")]
    name = write(tmp_path / "reviews.csv", SENTENCES + noise + long, ("text", "label"))
    prepared, report = prepare(data_settings(name, train_size=None), model)
    source = report["sources"]["main"]
    assert source == {
        "name": "reviews.csv",
        "rows": len(SENTENCES) + 5,
        "dropped": {"empty": 1, "duplicate": 1, "conflicting": 2, "without_label": 1}
        | {"in_test": 0, "unwanted_label": 0},
        "sentences": len(SENTENCES),
    }
    assert sum(part["sentences"] for part in report["splits"].values()) == source["sentences"]
    assert report["relatives_set_aside"] == {"test": 0, "validation": 0}
    ids = torch.cat([split.input_ids for split in parts(prepared)])
    assert report["token_ids_in_use"] == len(set(ids.tolist()))
    for name, split in zip(SPLITS, parts(prepared), strict=True):
        part = report["splits"][name]
        assert part["sentences"] == len(split) == sum(part["class_counts"].values())
        assert sum(part["class_shares"].values()) == pytest.approx(1)
        assert part["tokens"] == split.lengths.sum() == len(split.input_ids)
        assert part["length_p05"] <= part["length_p50"] <= part["length_p99"] <= part["length_max"]
        assert split.lengths.max() <= prepared.max_length == 8
    cut = sum(p["truncated_share"] * p["sentences"] for p in report["splits"].values())
    assert cut == pytest.approx(1)
    assert max(p["length_max"] for p in report["splits"].values()) == 10


def test_a_test_source_of_its_own_is_taken_whole(one: str, other: str, model: str) -> None:
    wanted = data_settings(
        one,
        test_name=other,
        test_text="content",
        test_label="mood",
        test_size=None,
        train_size=None,
    )
    prepared, report = prepare(wanted, model)
    assert len(prepared.test) == 24 == report["sources"]["test"]["sentences"]
    assert report["sources"]["test"]["name"] == "tests.csv"
    # Eight training sentences are quoted in test ones.
    assert report["relatives_set_aside"] == {"test": 8, "validation": 0}
    assert len(prepared.train) + len(prepared.validation) == len(SENTENCES) - 8


def test_training_texts_that_are_in_the_test_are_dropped_even_if_not_tested_on(
    one: str, tmp_path: Path, model: str
) -> None:
    rows = [(f"  {text.upper()}", mood) for text, mood in SENTENCES[:20] + SENTENCES[-20:]]
    tests = write(tmp_path / "tests.csv", rows, ("text", "label"))
    found = []
    for test_size in (4, None):
        wanted = data_settings(one, test_name=tests, test_size=test_size, train_size=None)
        prepared, report = prepare(wanted, model)
        assert len(prepared.test) == (test_size or 40)
        assert report["sources"]["main"]["dropped"]["in_test"] == 40
        assert report["sources"]["main"]["sentences"] == len(SENTENCES) - 40
        found.append((texts(prepared.train), texts(prepared.validation)))
        assert not set(found[-1][0] + found[-1][1]) & {text for text, _ in SENTENCES[:20]}
    assert found[0] == found[1]


def test_where_holds_for_another_split_of_the_same_data_and_for_no_other(
    tmp_path: Path, model: str
) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    rows = [(text, mood, "yes" if i % 2 else "no") for i, (text, mood) in enumerate(SENTENCES)]
    for name, part in (("train", rows[::4] + rows[1::4]), ("test", rows[2::4] + rows[3::4])):
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows([("text", "label", "wanted"), *part])
    sizes = {"train_size": 10, "validation_size": 10, "test_size": None}
    where = (("wanted", "yes"),)
    same = data_settings(
        str(folder), test_name=str(folder), test_split="test", where=where, **sizes
    )
    assert prepare(same, model)[1]["sources"]["test"]["rows"] == 32
    apart = data_settings(str(folder), test_name=str(folder / "test.csv"), where=where, **sizes)
    assert prepare(apart, model)[1]["sources"]["test"]["rows"] == 64


NO_LABEL = [(f"the film is {word}", "-1") for word in ("here", "there", "gone")]
NUMBERED = [(text, {"bad": "0", "good": "1"}[label]) for text, label in SENTENCES]


def test_a_label_of_minus_one_is_refused_with_both_ways_out(tmp_path: Path, model: str) -> None:
    name = write(tmp_path / "reviews.csv", NUMBERED + NO_LABEL, ("text", "label"))
    with pytest.raises(StudyError) as refused:
        prepare(data_settings(name), model)
    said = str(refused.value)
    assert said.startswith(
        "data.label: reviews.csv: 3 texts have the label -1 beside labels from 0"
    )
    assert "-S 'data.drop_labels=[-1]'" in said
    assert "-S 'data.drop_labels=[]'" in said


@pytest.mark.parametrize("unwanted", [(-1,), ("-1",), (-1.0,)])
def test_rows_with_an_unwanted_label_are_left_out_and_counted(
    unwanted: tuple[object, ...], tmp_path: Path, model: str
) -> None:
    name = write(tmp_path / "reviews.csv", NUMBERED + NO_LABEL, ("text", "label"))
    found, report = prepare(data_settings(name, drop_labels=unwanted), model)
    assert found.label_names == ("0", "1")
    assert report["sources"]["main"]["dropped"]["unwanted_label"] == 3
    assert report["sources"]["main"]["rows"] == len(SENTENCES) + 3


def test_rows_with_an_unwanted_label_are_not_told_as_doubles(tmp_path: Path, model: str) -> None:
    name = write(tmp_path / "reviews.csv", NUMBERED + NO_LABEL, ("text", "label"))
    with pytest.raises(StudyError) as refused:
        prepare(data_settings(name, drop_labels=(-1,), train_size=1000), model)
    left = f"so {len(SENTENCES)} sentences are left"
    assert f"; 3 have a label of data.drop_labels; {left}" in str(refused.value)


def test_an_unwanted_label_that_no_row_has_is_refused_with_those_there_are(
    tmp_path: Path, model: str
) -> None:
    name = write(tmp_path / "reviews.csv", SENTENCES, ("text", "label"))
    with pytest.raises(StudyError) as refused:
        prepare(data_settings(name, drop_labels=("neutral",)), model)
    assert str(refused.value) == (
        f"data.drop_labels: no row of {name} has any of 'neutral'; allowed: bad, good"
    )


@pytest.mark.parametrize(
    ("others", "asked"),
    [(("0", "1"), ()), (("1",), None), (("0",), None), (("-2", "0"), None), (("good", "0"), None)],
)
def test_minus_one_may_be_a_class(
    others: tuple[str, ...], asked: tuple[object, ...] | None, tmp_path: Path, model: str
) -> None:
    """By leave where it may say that there is no label, else as it is."""
    names = ("-1", *others)
    rows = [(text, names[i % len(names)]) for i, (text, _) in enumerate(SENTENCES)]
    path = write(tmp_path / "mine.csv", rows, ("text", "label"))
    sizes = {"train_size": 50, "validation_size": 10, "test_size": 10}
    found, _ = prepare(data_settings(path, drop_labels=asked, **sizes), model)
    assert set(found.label_names) == set(names)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"train_size": 1}, r"^data\.train_size: 1 sentences hold none of the class"),
        ({"test_size": 1}, r"^data\.test_size: 1 sentences hold only the class"),
        ({"max_length": 2}, r"^data\.max_length: 2; allowed"),
        ({"label": "text"}, r"^data\.train_size: 40 sentences hold none of the class"),
        ({"label": "mood"}, r"^data\.label: .* has no column 'mood'; allowed: text, label"),
        ({"where": (("label", "bad"),)}, r"^data\.label: .*every sentence has the label 'bad'"),
        ({"test_name": "nowhere.csv"}, r"^data\.test_name: 'nowhere\.csv': looked for"),
    ],
)
def test_settings_that_do_not_fit_the_data_are_refused(
    changes: dict[str, Any], words: str, one: str, model: str
) -> None:
    with pytest.raises(StudyError, match=words):
        prepare(data_settings(one, **changes), model)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([("fine here", "fair"), ("not here", "bad")], r"labels fair do not occur in the training"),
        (
            [("fine here", ""), ("not here", "bad")],
            r"^data\.max_dropped_share: 0\.1, but of 2 rows of .* 1 have no label in column",
        ),
        ([("fine here", "good")], r"^data\.test_size: 1 sentences hold only the class 'good'"),
        (SENTENCES, r"^data\.test_name: .* holds every sentence of"),
    ],
)
def test_a_test_source_that_does_not_fit_is_refused(
    rows: list[tuple[str, str]], words: str, one: str, tmp_path: Path, model: str
) -> None:
    tests = write(tmp_path / "tests.csv", rows, ("text", "label"))
    with pytest.raises(StudyError, match=words):
        prepare(data_settings(one, test_name=tests, test_size=None), model)


FITTING = re.compile(r"-S data\.(\w+)=(\w+)")


def refused_sizes(wanted: DataSettings, model: str) -> tuple[str, dict[str, int | None]]:
    """Return what is said of sizes that do not fit, and those of the command in it."""
    with pytest.raises(StudyError) as refused:
        prepare(wanted, model)
    said, command = str(refused.value).split("\n")
    assert command.startswith("  dvc exp run -S data.train_size=")
    found = {key: None if n == "null" else int(n) for key, n in FITTING.findall(command)}
    for key, size in found.items():
        assert f"data.{key}={'null' if size is None else size}" in said.partition("sizes fit: ")[2]
    return said, found


@pytest.mark.parametrize(
    ("asked", "fitting"),
    [
        ((3000, 1000, 3000), (54, 18, 54)),
        ((100, 20, 30), (78, 20, 30)),  # a smaller training set alone
        ((40, 20, 100), (32, 16, 80)),
        ((40, 99, 30), (30, 75, 23)),
        ((None, 64, 64), (None, 32, 32)),
    ],
)
def test_sizes_that_do_not_fit_are_told_all_those_that_do_at_once(
    asked: tuple[int | None, ...], fitting: tuple[int | None, ...], one: str, model: str
) -> None:
    keys = ("train_size", "validation_size", "test_size")
    wanted = data_settings(one, **dict(zip(keys, asked, strict=True)))
    said, found = refused_sizes(wanted, model)
    for key, size in zip(keys, asked, strict=True):
        assert f"data.{key}: {'null' if size is None else size}" in said
    assert tuple(found[key] for key in keys) == fitting
    changes: dict[str, Any] = found
    prepared, _ = prepare(replace(wanted, **changes), model)
    assert len(prepared.train) == (found["train_size"] or 64)


def test_what_is_left_out_and_set_aside_is_counted_where_sizes_do_not_fit(
    tmp_path: Path, model: str
) -> None:
    """Each sentence stands in the file twice, and in a longer one."""
    quoting = [(f"the {text}", mood) for text, mood in SENTENCES]
    name = write(tmp_path / "reviews.csv", [*SENTENCES, *SENTENCES, *quoting], ("text", "label"))
    sizes = {"train_size": 300, "validation_size": 100, "test_size": 300}
    wanted = data_settings(name, **sizes)
    said, found = refused_sizes(wanted, model)
    changes: dict[str, Any] = found
    _, report = prepare(replace(wanted, **changes), model)
    relatives = sum(report["relatives_set_aside"].values())
    assert relatives > 0
    assert (
        f"{name} has 384 rows; 128 empty, double and contradictory ones are left out; {relatives} "
        "near-duplicates of test or validation sentences are set aside; so "
        f"{256 - relatives} sentences are left. These sizes fit: data.train_size="
    ) in said


def test_sizes_beside_a_test_source_of_its_own_fit_both(one: str, other: str, model: str) -> None:
    source: dict[str, Any] = {"test_name": other, "test_text": "content", "test_label": "mood"}
    sizes = {"train_size": 300, "validation_size": 100, "test_size": 300}
    wanted = data_settings(one, **source, **sizes)
    said, found = refused_sizes(wanted, model)
    assert found == {"train_size": 90, "validation_size": 30, "test_size": 24}
    assert "; 8 near-duplicates of test or validation sentences are set aside; so 120 " in said
    assert f"beside 24 to test on in {other}" in said
    changes: dict[str, Any] = found
    prepare(replace(wanted, **changes), model)


def test_data_that_are_too_few_at_any_size_are_refused_as_such(tmp_path: Path, model: str) -> None:
    name = write(
        tmp_path / "few.csv", [("film is good", "1"), ("film is bad", "0")], ("text", "label")
    )
    with pytest.raises(StudyError, match=r"has 2 rows; so 2 sentences .* No sizes fit; allowed: "):
        prepare(data_settings(name), model)


GAPS = [("", "good")] * 3 + [("good drama", "")] * 4


def test_rows_without_text_or_label_are_left_out_up_to_a_share(tmp_path: Path, model: str) -> None:
    name = write(tmp_path / "reviews.csv", GAPS + SENTENCES, ("text", "label"))
    share = len(GAPS) / (len(GAPS) + len(SENTENCES))
    found, report = prepare(data_settings(name, max_dropped_share=share), model)
    dropped = report["sources"]["main"]["dropped"]
    assert (dropped["empty"], dropped["without_label"]) == (3, 4)
    whole = write(tmp_path / "whole.csv", SENTENCES, ("text", "label"))
    plain, _ = prepare(data_settings(whole, max_dropped_share=0.0), model)
    for left, of_whole in zip(parts(found), parts(plain), strict=True):
        assert torch.equal(left.input_ids, of_whole.input_ids)
    with pytest.raises(StudyError) as refused:
        prepare(data_settings(name, max_dropped_share=0.99 * share), model)
    assert str(refused.value) == (
        f"data.max_dropped_share: {0.99 * share:g}, but of {len(GAPS) + len(SENTENCES)} rows of "
        f"{name} 3 have no text in column 'text' (first row 1), 4 have no label in column 'label' "
        "(first 'good drama'); allowed: fewer such rows, or to leave them out and count them: "
        "dvc exp run -S data.max_dropped_share=0.06"
    )


def test_the_share_is_of_rows_whose_label_is_wanted_and_of_each_source(
    tmp_path: Path, one: str, model: str
) -> None:
    gaps = [("good drama", ""), *NUMBERED[:4], *NO_LABEL * 100]
    name = write(tmp_path / "gaps.csv", gaps, ("text", "label"))
    with pytest.raises(StudyError, match=r"share: 0\.1, but of 5 rows of .*share=0\.2$"):
        prepare(data_settings(name, drop_labels=(-1,)), model)
    tests = data_settings(one, test_name=name, test_label="mood", max_dropped_share=0.0)
    header = Path(name)
    header.write_text(header.read_text().replace("text,label", "text,mood"))
    with pytest.raises(StudyError, match=r"share: 0, but of 305 rows of .* in column 'mood'"):
        prepare(tests, model)


@pytest.mark.parametrize(
    ("names", "dropped", "command"),
    [
        (["rare"], None, """-S 'data.drop_labels=["rare"]'"""),
        (["it's", "null"], (-1,), """-S 'data.drop_labels=[-1,"it'"'"'s","null"]'"""),
    ],
)
def test_classes_of_fewer_sentences_than_splits_are_refused_with_the_way_to_leave_them_out(
    names: list[str], dropped: Any, command: str, tmp_path: Path, model: str
) -> None:
    odd = [(f"the film is {name}", name) for name in names]
    rows = NUMBERED + (NO_LABEL if dropped else []) + odd
    path = write(tmp_path / "reviews.csv", rows, ("text", "label"))
    with pytest.raises(StudyError) as refused:
        prepare(data_settings(path, drop_labels=dropped), model)
    said, _, typed = str(refused.value).partition("leave them out: dvc exp run ")
    assert said.startswith(f"data.label: {path}: fewer than 3 sentences, one for each split, have")
    assert typed == command
    (_, setting) = shlex.split(typed)
    params = tmp_path / "params.yaml"
    params.write_text("data: {drop_labels: null}")
    apply_overrides(params, [setting])  # as DVC does
    found = read_yaml(params)["data"]["drop_labels"]
    left, _ = prepare(data_settings(path, drop_labels=tuple(found)), model)
    assert left.label_names == ("0", "1")


def test_with_test_sentences_of_their_own_a_class_needs_one_for_each_other_split(
    tmp_path: Path, one: str, model: str
) -> None:
    rare = [("the film", "rare"), ("the plot", "rare")]
    sizes = {"train_size": None, "test_size": None}
    for number, least in ((1, 2), (2, None)):
        name = write(tmp_path / "reviews.csv", SENTENCES[::2] + rare[:number], ("text", "label"))
        tests = write(tmp_path / "tests.csv", SENTENCES[1::2], ("text", "label"))
        wanted = data_settings(name, test_name=tests, **sizes)
        if least is None:
            assert prepare(wanted, model)[0].label_names == ("bad", "good", "rare")
        else:
            with pytest.raises(StudyError, match=r"fewer than 2 sentences, .* 'rare' \(1\);"):
                prepare(wanted, model)


def pairs_of(count: int) -> list[tuple[str, str, str]]:
    """Rows of two texts and a mood; each premise stands in two rows, of which one quotes it."""
    rows = []
    for i, (subject, place) in enumerate(itertools.product(SUBJECTS, PLACES)):
        premise = f"the {subject} is {place}"
        rows.append((premise, f"{subject} {place}", "good"))
        rows.append((f"{premise} {premise}", f"{place} {subject}", "bad"))
        if i + 1 == count:
            break
    return rows


def write_pairs(path: Path, rows: list[tuple[str, str, str]]) -> str:
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([("premise", "hypothesis", "label"), *rows])
    return str(path)


def halves(split: Split) -> list[tuple[str, str]]:
    """Turn ids back into the two texts."""
    found = []
    for text in texts(split):
        first, second = text.split(" [SEP] ")
        found.append((first, second))
    return found


def test_no_text_of_a_pair_is_in_two_splits(tmp_path: Path, model: str) -> None:
    rows = pairs_of(64)
    rows += [(a, "", "good") for a, *_ in rows[:3]] + [rows[5]]
    name = write_pairs(tmp_path / "pairs.csv", rows)
    wanted = data_settings(
        name, text=("premise", "hypothesis"), max_length=16, train_size=None, test_size=20
    )
    prepared, report = prepare(wanted, model)
    assert report["pairs_of"] == ["premise", "hypothesis"]
    dropped = report["sources"]["main"]["dropped"]
    assert (dropped["empty"], dropped["duplicate"]) == (3, 1)
    assert all(report["relatives_set_aside"].values())
    seen = []
    for split in parts(prepared):
        found = halves(split)
        assert set(found) <= {(a, b) for a, b, _ in rows}
        # A premise and the one that quotes it twice have the same first four words.
        premises = {" ".join(a.split()[:4]) for a, _ in found}
        seen.append((premises, {frozenset(b.split()) for _, b in found}))
        types = split.token_types
        assert types is not None
        for row, own in zip(found, torch.split(types, split.lengths.tolist()), strict=True):
            first, second = (len(text.split()) for text in row)
            assert own.tolist() == [0] * (first + 2) + [1] * (second + 1)
    for one_split, other_split in itertools.combinations(seen, 2):
        assert not one_split[0] & other_split[0]
        assert not one_split[1] & other_split[1]


def test_pairs_of_a_test_source_share_no_text_with_the_others(tmp_path: Path, model: str) -> None:
    rows = pairs_of(40)
    name = write_pairs(tmp_path / "pairs.csv", rows)
    # Another hypothesis to the first premises, which leaves out all rows that have these.
    tests = [(a, f"{b} {b}", label) for a, b, label in rows[:12]]
    test_name = write_pairs(tmp_path / "tests.csv", tests)
    wanted = data_settings(
        name, text=("premise", "hypothesis"), test_name=test_name, test_size=None, max_length=16
    )
    prepared, report = prepare(replace(wanted, train_size=None), model)
    assert len(prepared.test) == 12
    assert report["relatives_set_aside"]["test"] == 12
    known = {a for a, _ in halves(prepared.test)}
    assert known == {a for a, *_ in tests}
    assert not known & {a for s in (prepared.train, prepared.validation) for a, _ in halves(s)}


def test_pairs_that_all_share_a_text_cannot_be_split_and_are_told_why(
    tmp_path: Path, model: str
) -> None:
    rows = [(text, "good", mood) for text, mood in SENTENCES]
    name = write_pairs(tmp_path / "pairs.csv", rows)
    with pytest.raises(StudyError) as refused:
        prepare(data_settings(name, text=("premise", "hypothesis"), max_length=16), model)
    message = str(refused.value)
    assert "No sizes fit" in message
    assert "of 128 pairs 128 belong together: each shares a text with another" in message
    assert "data.pair_halves=may_repeat" in message


def test_one_hypothesis_for_all_is_split_where_halves_may_repeat(
    tmp_path: Path, model: str
) -> None:
    """Premises still stand apart, and so do pairs that are alike in both texts."""
    rows = [(text, "good", mood) for text, mood in SENTENCES]
    rows += [(f"{text} {text}", "good", mood) for text, mood in SENTENCES[:6]]
    name = write_pairs(tmp_path / "pairs.csv", rows)
    columns = ("premise", "hypothesis")
    wanted = data_settings(name, text=columns, max_length=16, pair_halves="may_repeat")
    prepared, report = prepare(wanted, model)
    assert (len(prepared.train), len(prepared.validation), len(prepared.test)) == (40, 20, 30)
    assert report["pair_halves"] == "may_repeat"
    splits = [{" ".join(a.split()[:4]) for a, _ in halves(split)} for split in parts(prepared)]
    for one_split, other_split in itertools.combinations(splits, 2):
        assert not one_split & other_split
    too_many = replace(wanted, train_size=4000)
    with pytest.raises(StudyError, match="each has both texts in common with another"):
        prepare(too_many, model)


def test_with_a_test_source_halves_may_repeat_and_pairs_may_not(tmp_path: Path, model: str) -> None:
    rows = [(text, "good", mood) for text, mood in SENTENCES]
    tests = rows[::3]
    others = [row for row in rows if row not in tests]
    name = write_pairs(tmp_path / "pairs.csv", others + tests[:10])
    test_name = write_pairs(tmp_path / "tests.csv", tests)
    wanted = data_settings(
        name,
        text=("premise", "hypothesis"),
        pair_halves="may_repeat",
        test_name=test_name,
        test_size=None,
        train_size=None,
        max_length=16,
    )
    prepared, report = prepare(wanted, model)
    assert report["sources"]["main"]["dropped"]["in_test"] == 10
    known = set(halves(prepared.test))
    assert len(known) == len(tests)
    assert not known & {*halves(prepared.train), *halves(prepared.validation)}
