"""Settings that are no settings: whatever stands in the file, one error that can be read."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from study.entry.errors import StudyError
from study.settings import whole
from study.settings.train import TrainSettings

PARAMS = Path(__file__).parents[3] / "params.yaml"
MARK = "place-of-the-text"
# Each stands in place of one setting.
TEXTS = {
    "anchor on itself": "&a [*a]",
    "anchor on itself below": "&a {b: {c: *a}}",
    "anchors of anchors": "[&a [1, 1], &b [*a, *a], &c [*b, *b], &d [*c, *c], *d, *d]",
    "tag of a number": "!!int word",
    "tag of an empty number": '!!int ""',
    "tag of a fraction": "!!float word",
    "tag of a truth": "!!bool word",
    "tag of a date": "!!timestamp word",
    "key of a date": "{!!timestamp 2026-12-01: 3}",
    "key of bytes": "{!!binary aGVsbG8=: 3}",
    "long number": "9" * 9000,
    "long hexadecimal": "0x" + "f" * 9000,
    "deep list": "[" * 9000 + "]" * 9000,
    "long text": "x" * 200_000,
    "list of texts": f"[{', '.join(['word'] * 50_000)}]",
}


def refused(tmp_path: Path, text: str) -> str:
    path = tmp_path / "params.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(StudyError) as error:
        whole.load(path)
    return str(error.value)


@pytest.mark.parametrize("key", ["seeds", "data.train_size", "lora.alpha", "data.where", "train"])
@pytest.mark.parametrize("name", TEXTS)
def test_one_error_that_can_be_read(name: str, key: str, tmp_path: Path) -> None:
    raw = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))
    section, _, last = key.rpartition(".")
    (raw[section] if section else raw)[last] = MARK
    said = refused(tmp_path, yaml.safe_dump(raw).replace(MARK, TEXTS[name]))
    assert "params.yaml: " in said
    assert len(said) < 3000


def test_of_many_unknown_keys_the_first_are_named(tmp_path: Path) -> None:
    unknown = "".join(f"key{i}: 1\n" for i in range(3000))
    said = refused(tmp_path, PARAMS.read_text(encoding="utf-8") + unknown)
    assert "key0: unknown" in said
    assert "2980 more unknown keys" in said
    assert len(said) < 10_000


def test_a_long_key_is_cut(tmp_path: Path) -> None:
    said = refused(tmp_path, PARAMS.read_text(encoding="utf-8") + f"? {'k' * 9000}\n: 1\n")
    assert "unknown" in said
    assert len(said) < 3000


def test_what_no_array_holds_is_refused_with_the_most_that_one_does(tmp_path: Path) -> None:
    raw = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))
    raw["train"]["batch_size"] = 2**63
    said = refused(tmp_path, yaml.safe_dump(raw))
    assert f"allowed: a whole number from 1 to {2**63 - 1}" in said


@pytest.mark.parametrize(("batch", "steps"), [(1, 3001), (3000, 2), (3001, 1), (2**63 - 1, 1)])
def test_steps_are_rounded_up_however_large_a_batch_is(batch: int, steps: int) -> None:
    chosen: TrainSettings = whole.load(PARAMS).train
    object.__setattr__(chosen, "batch_size", batch)
    assert chosen.steps_of(3001) == steps
