"""Figures of agreement and calibration: whole, apart, and in words, for any study."""

from __future__ import annotations

import copy
import functools
from typing import Any

import pytest

from study.analyses.agreement.disagreement import MORE
from study.pages.figures import agreement, calibration, style
from tests.study.analyses.agreement.made import record_of, study
from tests.study.pages.figures.test_captions import tidy
from tests.study.pages.figures.test_figures import check_texts, drawn_texts

STUDIES: dict[str, dict[str, Any]] = {
    "default": {"ranks": (1, 2, 4, 8, 16, 32)},
    "one": {"ranks": (4,), "seeds": (7,), "num_classes": 20},
    "twelve": {"ranks": (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64), "seeds": (0, 1)},
    "few": {"ranks": (8, 1), "num_sentences": 6},
}
MODULES = {"agreement": agreement, "calibration": calibration}


@functools.cache
def made(name: str) -> dict[str, Any]:
    return record_of(study(**STUDIES[name]))


@pytest.fixture(autouse=True)
def in_style():
    with style.styled():
        yield


@pytest.mark.parametrize("which", MODULES)
@pytest.mark.parametrize("name", STUDIES)
def test_texts_are_whole_and_apart_and_words_are_sentences(which: str, name: str):
    module, record = MODULES[which], made(name)
    check_texts(module.draw(record))
    for words in (module.caption(record), module.alternative(record)):
        tidy(words)


@pytest.mark.parametrize("which", MODULES)
def test_pictures_are_the_same_bytes_each_time(which: str, tmp_path):
    for name in ("one", "two"):
        style.save(MODULES[which].draw(made("default")), tmp_path / name)
    for kind in ("png", "svg"):
        one, two = ((tmp_path / f"{name}.{kind}").read_bytes() for name in ("one", "two"))
        assert one == two


def told(name: str) -> dict[str, Any]:
    """The record of a study with numbers that are easy to find again."""
    record = copy.deepcopy(made(name))
    for place, row in enumerate(record["disagreement"]["arms"]):
        row["mean"] = 0.1 + place / 100
        if "mean" in row["different_seeds"]:
            row["different_seeds"]["mean"] = 0.2 + place / 100
    for place, row in enumerate(record["divergence"]["arms"]):
        row["from_pretrained"] = 0.5 + place / 100
    return record


def test_the_caption_holds_the_range_over_ranks_the_yardstick_and_the_answer():
    record = told("default")
    record["disagreement"]["full_with_itself"]["mean"] = 0.0831
    words = agreement.caption(record)
    assert "different seeds disagree on 8.3 % of the test sentences" in words
    assert "22.0 % to 27.0 %" in words  # of ranks 1 to 32, not of head only or the linear probe
    assert record["disagreement"]["answer"] in words
    assert "tested for all ranks together (Holm)" in words
    assert "outputs 0.51 to 0.56 nats away from the pretrained model's, and full" in words
    assert "fine-tuning's 0.57 (0 nats: not at all)" in words


def test_with_one_seed_the_caption_says_what_cannot_be_told():
    words = agreement.caption(told("one"))
    assert "LoRA and full fine-tuning disagree on 12.0 % of the test sentences" in words
    assert "With one seed we cannot say whether that is much" in words
    assert "Holm" not in words


def test_the_level_of_full_fine_tuning_is_drawn_where_there_is_one():
    for name, there in (("default", True), ("one", False)):
        texts = [words for words, _, _ in drawn_texts(agreement.draw(made(name)))]
        assert any(words.startswith("Full fine-tuning\nwith itself") for words in texts) == there
        assert any("different seeds" in words for words in texts) == there


def test_every_arm_has_a_panel_with_its_error_and_that_of_chance():
    record = copy.deepcopy(made("default"))
    record["calibration"][3] |= {"ece": 0.0768, "ece_by_chance": {"mean": 0.0123, "high": 0.02}}
    texts = [words for words, _, _ in drawn_texts(calibration.draw(record))]
    assert "LoRA, rank 4\nECE 7.7; chance 1.2" in texts
    assert sum("ECE" in words and "chance" in words for words in texts) == 8


def test_the_calibration_caption_groups_arms_by_verdict():
    record = copy.deepcopy(made("default"))
    for arm, verdict in zip(record["calibration"], ["fine", *["off"] * 6, "fine"], strict=True):
        arm["verdict"] = verdict
    words = calibration.caption(record)
    assert "The head alone and full fine-tuning: fine. Ranks 1, 2, 4, 8, 16 and 32: off." in words


def test_an_interval_that_misses_its_mean_can_be_drawn():
    """Whatever an interval is made of, it may end at what is possible, beside the estimate."""
    record = copy.deepcopy(made("default"))
    record["disagreement"]["arms"][2] |= {"mean": 0.5, "low": 0.1, "high": 0.2}
    record["calibration"][0]["bins"][0] |= {"accuracy": 0.9, "low": 0.2, "high": 0.8}
    agreement.draw(record)
    calibration.draw(record)


def test_an_answer_with_ranks_that_differ_is_in_the_caption():
    record = copy.deepcopy(made("default"))
    record["disagreement"]["answer"] = f"Rank 1 disagrees {MORE}"
    assert f"Rank 1 disagrees {MORE}." in agreement.caption(record)
