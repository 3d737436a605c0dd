"""The record as a whole, for any study, and what it refuses."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from study.analyses.agreement.disagreement import MORE, UNTOLD
from study.analyses.agreement.record import answer, read_test_logits
from study.entry.errors import StudyError
from tests.study.analyses.agreement.made import all_logits, record_of, study, write_logits


@pytest.mark.parametrize(
    "kind",
    [
        {},
        {"ranks": (4,), "seeds": (7,), "num_classes": 20},
        {"ranks": (8, 1, 3), "seeds": (5, 2), "num_classes": 3},
    ],
)
def test_every_arm_is_there_in_order_and_it_is_json(kind):
    results = study(**kind)
    found = record_of(results)
    json.dumps(found, allow_nan=False)
    ranks = sorted(kind.get("ranks", (1, 8)))
    expected = [("head_only", None), *(("lora", rank) for rank in ranks), ("full", None)]
    for rows in (found["divergence"]["arms"], found["calibration"]):
        assert [(row["arm"], row["rank"]) for row in rows] == expected
    arms = found["disagreement"]["arms"]
    head_only, *ranks_ = expected[:-1]
    disagreeing = [head_only, ("linear_probe", None), *ranks_]
    assert [(row["arm"], row["rank"]) for row in arms] == disagreeing
    assert len({frozenset(row) for row in arms}) == 1  # all say the same things
    several = len(kind.get("seeds", (0, 1, 2))) > 1
    assert found["interval"] == ("seeds and sentences" if several else "sentences")
    assert ("reason" in found["disagreement"]["full_with_itself"]) == (not several)


def test_it_is_the_same_each_time():
    results = study()
    once, again = (record_of(results) for _ in range(2))
    assert once == again


def test_what_pairs_are_drawn_from_is_said():
    said = {}
    for count in (1, 2, 3):
        results = study(seeds=range(count), num_sentences=40)
        said[count] = record_of(results)["interval_of_pairs"]
    assert said[1].startswith("none")
    assert said[2].startswith("sentences")
    assert said[3] == "seeds and sentences"


def parts(**verdicts: str) -> dict:
    rows = [
        {"arm": "lora", "rank": int(name[1:]), "excess": {"verdict": verdict}}
        for name, verdict in verdicts.items()
    ]
    return {"arms": rows, "full_with_itself": {"mean": 0.1}}


def test_the_answer_names_the_ranks():
    both = answer(parts(r1=MORE, r2=MORE, r8=UNTOLD))
    assert both.startswith("Ranks 1 and 2 disagree with full fine-tuning on more test sentences")
    assert "for rank 8 we cannot say whether LoRA disagrees with full fine-tuning more" in both
    assert answer(parts(r4=MORE)).startswith("Rank 4 disagrees with")
    assert answer(parts(r4=UNTOLD)).startswith("For rank 4 we cannot say whether")
    alone = {"arms": [], "full_with_itself": {"reason": "one seed"}}
    assert answer(alone).startswith("With one seed we cannot say")


def test_logits_are_read_as_they_were_written(tmp_path):
    results = study(seeds=(3, 11), num_classes=4)
    write_logits(results, tmp_path / "logits")
    found, expected = read_test_logits(results, tmp_path), all_logits(results)
    assert list(found) == list(expected)
    assert all(np.array_equal(found[arm], expected[arm]) for arm in found)


@pytest.mark.parametrize("what", ["seeds", "labels", "predictions"])
def test_logits_of_other_runs_are_refused_with_the_stage_to_run(tmp_path, what):
    results = study()
    write_logits(results, tmp_path / "logits")
    arm = results.lora[8]
    if what == "seeds":
        other = study(seeds=(0, 1, 5)).lora[8]
    elif what == "labels":
        other = dataclasses.replace(arm, test_labels=arm.test_labels[::-1])
    else:
        first = arm.picked()[0]
        flipped = tuple(1 - c for c in first.test_predictions[:1]) + first.test_predictions[1:]
        run = dataclasses.replace(first, test_predictions=flipped)
        other = dataclasses.replace(arm, runs=(run, *arm.picked()[1:]))
    changed = dataclasses.replace(results, lora=results.lora | {8: other})
    with pytest.raises(
        StudyError, match=r"lora-r8\.safetensors: not the logits.*`dvc repro lora@8`"
    ):
        read_test_logits(changed, tmp_path)


def test_a_file_that_is_missing_is_named(tmp_path):
    results = study()
    write_logits(results, tmp_path / "logits")
    (tmp_path / "logits/full.safetensors").unlink()
    with pytest.raises(StudyError, match=r"full\.safetensors: no such file"):
        read_test_logits(results, tmp_path)
