"""The main answer says what placement/ found, where its results are of the same study."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from study.pages.report import show
from study.pages.report.inputs import read_study
from study.pages.report.placed import NUMBERS, QUESTION, RECORD, judged, placed
from tests.study.pages.report.made import SHAPES, made_study, write_made

SUMMARY = {"seeds": [0, 1, 2, 3]}
CURVE = [
    {"arm": "lora", "test_accuracy": 0.1, "seed_scores": [0.1] * 4},
    {"arm": "full", "test_accuracy": 0.8, "seed_scores": [0.81, 0.82, 0.83, 0.84]},
]
ANSWER = {"words": ["**More modules**: it is so.", "It is."]}


def record(**beside: object) -> dict[str, object]:
    return {"answer": ANSWER, "beside": {"seeds": [0, 1], "full": [0.81, 0.82]} | beside}


def test_a_record_of_the_same_study_is_told() -> None:
    assert placed(record(), SUMMARY, CURVE) == ANSWER["words"]


def test_none_and_those_of_other_studies_are_not() -> None:
    assert placed(None, SUMMARY, CURVE) == []
    assert placed(record(full=[0.81, 0.83]), SUMMARY, CURVE) == []
    assert placed(record(seeds=[0, 9]), SUMMARY, CURVE) == []


def test_the_page_says_it_beside_its_own_answer(tmp_path: Path) -> None:
    study = made_study(SHAPES["plain"])
    assert QUESTION not in str(show.top(study))
    (row, *_) = [row for row in study["rank_curve"] if row["arm"] == "full"]
    of_this = record(seeds=study["summary"]["seeds"])
    of_this["beside"]["full"] = row["seed_scores"]  # type: ignore[index]
    told = str(show.top(replace(study, placement=of_this)))
    assert told.count(QUESTION) == 1
    assert "<strong>More modules</strong>: it is so.</li>" in told
    assert told.index(NUMBERS) < told.index("It is.")  # folded away


def test_it_is_read_as_it_stands(tmp_path: Path) -> None:
    shape = SHAPES["plain"]
    write_made(tmp_path, shape)
    settings = made_study(shape).settings
    assert read_study(tmp_path, settings).placement is None
    (tmp_path / RECORD).parent.mkdir(parents=True)
    (tmp_path / RECORD).write_text(json.dumps(record()))
    assert read_study(tmp_path, settings).placement == record()


def test_claims_that_it_measures_take_its_verdict_and_numbers() -> None:
    own = {"claim": "A", "source": "a write-up", "verdict": "cannot be told", "numbers": {}}
    rows = [own | {"placement": "It is so."}, own | {"placement": "Not asked there."}, own]
    there = {"claim": "It is so.", "verdict": "does not hold", "numbers": {"why": "measured"}}
    records = {"claims": rows, "summary": SUMMARY, "rank_curve": CURVE}
    first, *others = judged(record() | {"claims": [there]}, records)
    assert (first["claim"], first["verdict"]) == ("A", "does not hold")
    assert first["numbers"] == {"why": "measured"}
    assert "placement/: “It is so.”" in first["source"]
    assert others == rows[1:]
    assert judged(None, records) == rows
    assert judged(record(seeds=[0, 9]) | {"claims": [there]}, records) == rows
