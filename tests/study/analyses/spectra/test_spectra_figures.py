"""The figures of spectra and rules of thumb, for any study."""

from __future__ import annotations

import copy
import functools
import re
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from study.analyses.rules_of_thumb.record import rules_record
from study.pages.figures import amplification, intruders, rules_of_thumb, similarity, spectra, style
from tests.study.analyses.rules_of_thumb.test_record import sufficient
from tests.study.analyses.spectra.cases import planted, record_of
from tests.study.pages.figures.test_figures import check_texts, drawn_texts

OF_SPECTRA = (spectra, similarity, amplification, intruders)
STUDIES: dict[str, dict[str, Any]] = {
    "default": {"ranks": [1, 2, 4, 8], "seeds": [0, 1, 2]},
    "one": {"ranks": [4], "seeds": [0]},
    "twelve": {"ranks": list(range(1, 13)), "seeds": [0, 1]},
    "gpt2": {"ranks": [2, 6], "seeds": [3, 4], "family": "gpt2"},
    "nothing learned": {"ranks": [1, 2], "seeds": [0, 1], "lora": 0.0},
}


@functools.cache
def study(name: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        return record_of(Path(folder), full=planted, **STUDIES[name])


@functools.cache
def rules(name: str) -> dict[str, Any]:
    return rules_record(study(name), sufficient(2, m0_5=None, m1=3, m2=2))


@pytest.fixture(autouse=True)
def in_style():
    with style.styled():
        yield


@pytest.mark.parametrize("name", ["default", "one", "twelve", "nothing learned"])
@pytest.mark.parametrize("module", OF_SPECTRA, ids=lambda module: module.__name__.split(".")[-1])
def test_texts_are_large_enough_whole_and_apart(module: ModuleType, name: str):
    check_texts(module.draw(study(name)))


@pytest.mark.parametrize("name", STUDIES)
def test_texts_of_the_rules_are_large_enough_whole_and_apart(name):
    check_texts(rules_of_thumb.draw(rules(name)))


@pytest.mark.parametrize("name", STUDIES)
def test_captions_and_alternatives_are_sentences_without_holes(name):
    for module, record in [*((m, study(name)) for m in OF_SPECTRA), (rules_of_thumb, rules(name))]:
        caption, alternative = module.caption(record), module.alternative(record)
        for words in (caption, alternative):
            assert words[0].isupper(), words
            assert words.endswith("."), words
            assert "nan" not in words.split(), words
            assert "None" not in words, words
        assert caption in alternative or module is similarity


def test_amplification_says_whose_controls_are_drawn_and_gives_the_others():
    record = study("default")
    said = amplification.caption(record)
    assert said.startswith("At r = 1, medians over matrices. LoRA's update is ")
    assert said.count(" times what W0 does in its own strongest ones.") == 2  # LoRA's and full's
    assert "To W0, the update's directions are close to random ones (it does 0." in said
    written = " ".join(words for words, _, _ in drawn_texts(amplification.draw(record)))
    assert "Controls at right divide the norm of LoRA's update by W0's between" in " ".join(
        written.split()
    )


def test_intruders_are_counted_of_ten_and_the_band_has_a_name():
    record = study("default")
    said = intruders.caption(record)
    assert re.search(
        r"Of a matrix's first ten, \d\.\d\d at rank \d and \d\.\d\d at rank \d are intruders with "
        r"LoRA, \d\.\d\d with full fine-tuning \(averages over matrices\)\.",
        said,
    )
    legend = intruders.draw(record).legends[0]
    assert "Full fine-tuning, all matrices" in [text.get_text() for text in legend.get_texts()]


def test_each_kind_of_pick_has_its_own_marker_and_every_verdict_is_written():
    record = rules("default")
    written = [words for words, _, _ in drawn_texts(rules_of_thumb.draw(record))]
    verdicts = [rule["verdict"].replace("by a factor of ", "× ") for rule in record["rules"]]
    for verdict in verdicts:
        assert verdict in [" ".join(words.split()) for words in written]
    assert {"rank 2\n±2", "±1"} <= set(written)


def test_a_rule_that_names_a_range_is_drawn_as_one_without_a_point():
    record = rules("default")
    place = [rule["rule"] for rule in record["rules"]].index("Start small: 4 to 16")
    axes = rules_of_thumb.draw(record).axes[0]
    here = [line for line in axes.lines if list(line.get_ydata()) in ([place], [place, place])]
    assert [list(line.get_xdata()) for line in here] == [[4, 16]]
    assert here[0].get_marker() == "|"
    assert "the range, " in rules_of_thumb.alternative(record)


def test_the_note_explains_the_margins_only_where_one_is_drawn():
    record = rules("default")
    assert "(±)" in rules_of_thumb._words(record)
    none = record["measured"] | {"equivalent": {"1": None}}
    assert "±" not in rules_of_thumb._words(record | {"measured": none})


def test_measured_ranks_next_to_each_other_are_named_apart():
    record = rules("default")
    close = {"0.5": 15, "1": 14, "2": 13, "3": None}
    measured = {"recommended": 16, "split": "validation", "equivalent": close}
    check_texts(rules_of_thumb.draw(record | {"measured": measured}))
    nothing = {"recommended": None, "split": "validation", "equivalent": {"1": None}}
    untold = [rule | {"verdict": "cannot be told"} for rule in record["rules"]]
    check_texts(rules_of_thumb.draw({"measured": nothing, "rules": untold}))
    assert "No rank is recommended" in rules_of_thumb.caption(
        {"measured": nothing, "rules": untold}
    )


@pytest.mark.parametrize(("energy_rank", "k"), [(0.9, 1), (1.2, 2), (2.4, 4), (9.0, 8)])
def test_seeds_are_compared_where_the_energy_of_their_updates_is(energy_rank: float, k: int):
    """Not at the most directions there are: nearly all of those do next to nothing."""
    record = copy.deepcopy(study("default"))
    for row in record["lora"]:
        if row["rank"] == 8:
            row |= {"energy_rank": energy_rank, "energy": {"1": 0.5, "2": 0.9, "4": 0.95, "8": 1.0}}
    for row in record["similarity"]["between_seeds"]:
        if row["rank"] == 8:
            row["similarity"] = [0.41, 0.42, 0.44, 0.48]
    held = {1: "50 %", 2: "90 %", 4: "95 %", 8: "100 %"}[k]
    said = similarity.caption(record)
    assert (
        f"LoRA r = 8, two seeds: 0.4{k} on the input side for the first {k}, which hold {held} of"
    ) in said
    assert "More than chance does not mean that a task was learned" in said


def test_what_seeds_share_on_shuffled_labels_is_said_where_it_was_trained():
    record = copy.deepcopy(study("default"))
    record["controls"] = {}
    assert similarity.caption(record).endswith("share directions too.")
    record["controls"] = {"shuffled_labels": {"task": [0.4, 0.5], "shuffled": [0.2, 0.4]}}
    assert "share 0.45 with the task's labels and 0.30 with shuffled ones" in similarity.caption(
        record
    )


def test_what_grows_with_the_size_of_an_update_says_so_and_names_the_control():
    record = copy.deepcopy(study("default"))
    for row in record["summary"]:
        row["relative_norm"] = 0.1 if row["arm"] == "full" else 0.1 * row["rank"]
    said = intruders.caption(record)
    assert "and LoRA's is 1 to 8 times as large as full fine-tuning's here" in said
    for row in record["summary"]:
        row |= {"intruders": 2.0, "intruders_random": 3.0 if row["rank"] != 8 else 1.5}
    said = intruders.caption(record)
    assert "as large and of the same rank, of which 1.50 to 3.00 of ten are intruders" in said
    assert said.endswith("and no test was made of the difference.")
    for row in record["amplification"]:
        row |= {"factor": 69.0, "factor_random": 83.0}
    said = amplification.caption(record)
    assert "69 times as large as what the pretrained weight W0 does in the same directions" in said
    assert said.count("(83 times in random ones)") == 2
    assert "the number tells how large the update is, and not that it amplifies" in said


def test_what_the_seed_alone_makes_alike_is_not_drawn():
    record = study("default")
    lines = similarity._lines(record, "input")["LoRA r = 4 and 8"]
    matrices = {row["module"] for row in record["lora"]}
    assert {len(values) for values in lines.values()} == {len(matrices) - 1}


def test_pictures_are_the_same_bytes_each_time(tmp_path: Path):
    for module, record in ((similarity, study("default")), (rules_of_thumb, rules("default"))):
        for name in ("once", "again"):
            style.save(module.draw(record), tmp_path / name)
        assert (tmp_path / "once.png").read_bytes() == (tmp_path / "again.png").read_bytes()
        assert (tmp_path / "once.svg").read_bytes() == (tmp_path / "again.svg").read_bytes()
