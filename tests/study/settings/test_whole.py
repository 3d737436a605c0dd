"""Settings: what is written is what is read, and every mistake is named at once."""

from __future__ import annotations

import dataclasses
import io
import math
from copy import deepcopy
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import yaml
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from study.entry.errors import StudyError
from study.entry.yaml_core import CoreLoader
from study.settings import whole as settings

DEFAULTS = Path(__file__).parents[3] / "params.yaml"


RAW = YAML(typ="safe").load(DEFAULTS.read_text(encoding="utf-8"))


def raw() -> dict[str, Any]:
    """The default settings as plain values."""
    return dict(deepcopy(RAW))


def changed(key: str, value: object) -> dict[str, Any]:
    """The default settings with one value replaced."""
    values = raw()
    section = values
    *parents, last = key.split(".")
    for parent in parents:
        section = section[parent]
    section[last] = value
    return values


def get(parsed: settings.Settings, key: str) -> Any:
    value: Any = parsed
    for name in key.split("."):
        value = getattr(value, name)
    return value


def refusal(values: object) -> str:
    with pytest.raises(StudyError) as refused:
        settings.parse(values, "params.yaml")
    return str(refused.value)


def test_the_default_settings_are_read_as_they_stand() -> None:
    values, parsed = raw(), settings.load(DEFAULTS)
    for key in settings.leaves():
        value: Any = values
        for name in key.split("."):
            value = value[name]
        expected = tuple(value) if isinstance(value, list) else value
        expected = tuple(value.items()) if isinstance(value, dict) else expected
        assert get(parsed, key) == expected, key


def test_every_key_of_the_file_is_a_leaf_and_the_other_way_round() -> None:
    def keys(values: dict[str, Any], prefix: str = "") -> list[str]:
        found: list[str] = []
        for name, value in values.items():
            nested = isinstance(value, dict) and name != "where"  # columns, not keys
            found += keys(value, f"{prefix}{name}.") if nested else [prefix + name]
        return found

    assert sorted(settings.leaves()) == sorted(keys(raw()))


def test_settings_are_frozen_all_the_way_down() -> None:
    parsed = settings.load(DEFAULTS)
    hash(parsed)  # tuples all through, no list or dict
    for section in get_type_hints(settings.Settings):
        value = getattr(parsed, section)
        if dataclasses.is_dataclass(value):
            first = dataclasses.fields(value)[0].name
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(value, first, None)


def test_each_leaf_has_a_comment_for_people() -> None:
    """A setting without a word beside it is a riddle."""
    lines = DEFAULTS.read_text(encoding="utf-8").splitlines()
    names = {key.rpartition(".")[2] for key in settings.leaves()}
    for line in lines:
        name = line.strip().partition(":")[0]
        if name in names and not name.startswith("-"):
            assert "#" in line, line


RATES = [key for key in settings.leaves() if key.endswith("learning_rate")] + [
    "lora.alpha",
    "train.memory_gib",
]


@given(key=st.sampled_from(RATES), value=st.floats(1e-12, 1e6))
def test_a_number_means_the_same_however_it_is_written(key: str, value: float) -> None:
    """-S may write 1 for 1.0, and other writers 1.0e-4, 1e-4 or "0.0001"."""
    for written in (value, repr(value), f"{value:e}"):
        parsed = settings.parse(changed(key, written))
        assert get(parsed, key) == pytest.approx(value, rel=1e-6)
        assert isinstance(get(parsed, key), float)


def test_a_whole_number_is_read_as_a_float_where_one_is_meant() -> None:
    value = settings.parse(changed("lora.alpha", 2)).lora.alpha
    assert (value, type(value)) == (2.0, float)


@hypothesis_settings(max_examples=25)  # each writes and reads the whole file
@given(
    ranks=st.lists(st.integers(1, 4096), min_size=1, max_size=8, unique=True),
    rates=st.lists(st.floats(1e-9, 10), min_size=1, max_size=5, unique=True),
    where=st.none()
    | st.dictionaries(
        st.text(st.characters(codec="ascii", categories=["L"]), min_size=1),
        st.integers() | st.booleans() | st.text("abc xyz019-:#'\"", max_size=9),
        max_size=3,
    ),
)
def test_what_dvc_writes_comes_back(
    ranks: list[int], rates: list[float], where: dict[str, Any] | None
) -> None:
    """DVC writes params.yaml through ruamel.yaml, comments kept, lists one item a line."""
    writer = YAML()
    document = writer.load(DEFAULTS.read_text(encoding="utf-8"))
    document["lora"]["ranks"], document["lora"]["learning_rates"] = ranks, rates
    document["data"]["where"] = where
    stream = io.StringIO()
    writer.dump(document, stream)
    parsed = settings.parse(yaml.load(stream.getvalue(), Loader=CoreLoader))
    assert parsed.lora.ranks == tuple(ranks)
    assert parsed.lora.learning_rates == tuple(rates)
    assert parsed.data.where == (None if where is None else tuple(where.items()))


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("seeds", [], "a list, not empty"),
        ("seeds", [0, 1, 0], "without duplicates"),
        ("seeds", [-1], "a whole number from 0 to 4294967295"),
        ("seeds", 3, "a list"),
        ("seeds", None, "a list"),
        ("model.name", 5, "text"),
        ("model.name", " ", "text that is not empty"),
        ("model.dropout", 1.0, "of at least 0 and below 1"),
        ("data.text", ["a", "b", "c"], "text that is not empty, or a list of two of them"),
        ("data.text", ["a", "a"], "a list of two of them that differ"),
        ("data.text", ["a"], "a list of two of them that differ"),
        ("data.where", "source", "COLUMN=VALUE"),
        ("data.where", "=rotten", "COLUMN=VALUE"),
        ("data.where", "source=", "COLUMN=VALUE"),
        ("data.where", ["source"], "a mapping"),
        ("data.where", [], "or a list of such texts"),
        ("data.where", ["lang=en", "lang=de"], "each of another column"),
        ("data.where", {"source": None}, "a mapping"),
        ("data.train_size", 0, "of at least 1, or null"),
        ("data.max_length", 12.5, "a whole number"),
        ("data.validation_size", None, "a whole number of at least 1"),
        ("train.batch_size", True, "a whole number"),
        ("train.batch_size", "32", "a whole number"),
        ("train.warmup_share", 1.5, "of at least 0 and of at most 1"),
        ("train.weight_decay", -0.1, "of at least 0"),
        ("train.max_grad_norm", 0, "above 0"),
        ("train.precision", "fp16", "bf16 or fp32"),
        ("train.device", "tpu", "auto or cpu or cuda"),
        ("train.memory_gib", math.nan, "a number above 0"),
        ("train.schedule", "step", "linear or cosine or constant"),
        ("train.epochs", 0, "auto, or a whole number of at least 1"),
        ("train.epochs", "all", "auto, or a whole number of at least 1"),
        ("train.epochs", None, "auto, or a whole number of at least 1"),
        ("train.early_stopping", 0, "auto, or a whole number of at least 1, or null"),
        ("train.early_exit", 0, "auto, or a number above 0 and below 1, or null"),
        ("train.early_exit", 1.0, "auto, or a number above 0 and below 1, or null"),
        ("lora.learning_rates", "slow", "auto, or a list, not empty"),
        ("full.learning_rates", None, "auto, or a list, not empty"),
        ("spectra.shuffled_labels", 1, "true or false"),
        ("train.gradient_accumulation_steps", 0, "a whole number of at least 1"),
        ("train.activation_checkpointing", 1, "true or false"),
        ("train.offload_frozen", "yes", "true or false"),
        ("train.executor", "slurm", "local or ray"),
        ("ray.address", "", "text that is not empty, or null"),
        ("ray.cpus", -1, "of at least 0, or null"),
        ("ray.gpus", -0.5, "a number from 0 to 1, or a whole number above"),
        ("ray.gpus", 1.5, "a number from 0 to 1, or a whole number above"),
        ("ray.gpus", None, "a number from 0 to 1"),
        ("ray.retries", -1, "a whole number of at least 0"),
        ("full.learning_rates", [1e-4, -1e-4], "above 0"),
        ("full.learning_rates", [1e-4, "0.0001"], "without duplicates"),
        ("full.learning_rates", [], "a list, not empty"),
        ("full.learning_rates", [math.inf], "above 0"),
        ("head_only.learning_rates", ["quick"], "a number"),
        ("lora.rank", 0, "a whole number of at least 1"),
        ("lora.rank", 8.0, "a whole number"),
        ("lora.ranks", [1, 2, 2], "without duplicates"),
        ("lora.ranks", "1,2", "a list"),
        ("lora.alpha", True, "a number above 0"),
        ("lora.scaling", "sqrt", "fixed or proportional or rslora"),
        ("lora.target_modules", ["query", 3], "text"),
        ("lora.layers", [], "or null"),
        ("lora.use_dora", 1, "true or false"),
        ("lora.init", "olora", "default or pissa"),
        ("lora.loraplus_ratio", 0.5, "a number of at least 1"),
        ("statistics.confidence", 1, "above 0 and below 1"),
        ("statistics.resamples", 1, "of at least 10"),
    ],
)
def test_a_wrong_value_is_named_with_its_key_and_what_is_allowed(
    key: str, value: object, allowed: str
) -> None:
    message = refusal(changed(key, value))
    first, line = message.splitlines()
    assert first == "params.yaml: 1 wrong setting"
    assert line.strip().startswith(f"{key}: ")
    assert allowed in line.partition("; allowed: ")[2]


def test_all_mistakes_are_named_at_once() -> None:
    values = changed("lora.rank", 0)
    values["seeds"] = []
    values["train"]["precison"] = values["train"].pop("precision")
    del values["statistics"]
    message = refusal(values)
    assert message.startswith("params.yaml: 5 wrong settings")
    for words in (
        "seeds: []",
        "lora.rank: 0",
        "train.precison: unknown; did you mean train.precision?",
        "train.precision: missing; allowed: bf16 or fp32",
        "statistics: missing; allowed: keys confidence, resamples, seed",
    ):
        assert words in message


def test_a_setting_in_the_wrong_place_is_told_its_place() -> None:
    assert "rank: unknown; did you mean lora.rank?" in refusal(raw() | {"rank": 4})
    assert "colour: unknown; allowed: blocks, seeds, model," in refusal(raw() | {"colour": 4})


@pytest.mark.parametrize("values", [None, [], "text", 3])
def test_what_is_no_mapping_is_refused(values: object) -> None:
    assert "the file: " in refusal(values)
    assert "data: " in refusal(changed("data", values))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"test_size": None}, "data.test_size: null (with data.test_name: null)"),
        ({"test_text": "content"}, 'data.test_text: "content" (with data.test_name: null)'),
        ({"test_label": "y"}, 'data.test_label: "y" (with'),
        (
            {"test_name": "a/b", "text": ["a", "b"], "test_text": "a"},
            'data.test_text: "a" (with data.text: ["a", "b"]); allowed: as many columns as text',
        ),
        (
            {"pair_halves": "may_repeat"},
            'data.pair_halves: "may_repeat" (with data.text: "text"); allowed: apart, or with two',
        ),
        ({"test_split": "test"}, 'data.test_split: "test" (with'),
        ({"name": "a/b", "test_name": "a/b"}, "allowed: a test_name other than name"),
        ({"name": "a/b", "test_name": "a/b", "test_split": "train"}, "or another test_split of it"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    changes: dict[str, object], words: str
) -> None:
    values = raw()
    values["data"] |= changes
    assert words in refusal(values)


@pytest.mark.parametrize("test_text", [None, ["question", "passage"]])
def test_texts_may_be_pairs(test_text: list[str] | None) -> None:
    values = raw()
    values["data"] |= {"text": ["premise", "hypothesis"], "test_name": "a", "test_text": test_text}
    found = settings.parse(values).data
    assert found.text == ("premise", "hypothesis")
    assert found.test_text == (test_text and tuple(test_text))


def test_another_split_of_the_same_data_may_be_the_test() -> None:
    values = raw()
    values["data"] |= {"name": "a/b", "test_name": "a/b", "test_split": "test", "test_size": None}
    assert settings.parse(values).data.test_split == "test"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    for content, words in (
        (None, "cannot be read"),
        (b"seeds: [0", "not a YAML file"),
        (b"seeds: [0]\nseeds: [1]\n", "the key 'seeds' stands twice"),
        (b"seeds: \xff", "not a YAML file"),
    ):
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(StudyError, match=words) as refused:
            settings.load(path)
        assert str(path) in str(refused.value)


WHERE = [key for key in settings.leaves() if key.endswith(".where")]


@pytest.mark.parametrize("key", WHERE)
@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("lang=en", (("lang", "en"),)),
        (" lang = en us ", (("lang", "en us"),)),
        ("a=b=c", (("a", "b=c"),)),
        ("stars=5", (("stars", 5),)),
        ("score=0.50", (("score", 0.5),)),
        ("good=true", (("good", True),)),
        ("good='true'", (("good", "true"),)),
        ('stars="05"', (("stars", "05"),)),
        ("kind=null", (("kind", "null"),)),
        ("sign=<<", (("sign", "<<"),)),
        (["lang=en", "source=x"], (("lang", "en"), ("source", "x"))),
    ],
)
def test_wanted_rows_may_be_written_as_text(
    key: str, written: object, read: tuple[tuple[str, object], ...]
) -> None:
    found = get(settings.parse(changed(key, written)), key)
    assert found == read
    assert [type(value) for _, value in found] == [type(value) for _, value in read]
