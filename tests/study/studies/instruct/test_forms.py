"""Forms of files: found by their columns, read whole, or refused by what is not read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from study.entry.errors import StudyError
from study.studies.instruct.pairs.conversations import ROLES
from study.studies.instruct.pairs.forms import FORMS
from study.studies.instruct.pairs.pairs import Pairs, read_pairs
from study.studies.instruct.pairs.preparing import prepare
from study.studies.instruct.pairs.templates import Pair
from study.studies.instruct.settings import whole
from study.studies.instruct.settings.pairs import PairSettings
from tests.study.studies.instruct import toys

DEFAULT = whole.load(toys.ROOT / "instruct/params.yaml").data
Row = Mapping[str, Any]


def settings(folder: Path, rows: Sequence[Row], **changes: Any) -> PairSettings:
    path = folder / "rows.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    given: dict[str, Any] = {"form": "auto", "where": None, "system": None, **changes}
    return replace(DEFAULT, name=str(path), **given)


def found(folder: Path, *rows: Row, **changes: Any) -> Pairs:
    return read_pairs(settings(folder, rows, **changes))


def said(*texts: str, roles: tuple[str, str] = ("user", "assistant"), **names: str) -> list[Row]:
    """Write messages of two roles in turn."""
    role, content = names.get("role", "role"), names.get("content", "content")
    return [{role: roles[i % 2], content: text} for i, text in enumerate(texts)]


SYSTEM = {"role": "system", "content": "Be kind."}
TURNS = (("user", "Hi"), ("assistant", "Ho"))
ROWS: dict[str, tuple[Row, Pair]] = {
    "alpaca": (
        {"instruction": "Say one.", "input": "now", "output": "One", "text": "all of it"},
        Pair("alpaca", "Say one.", "now", "One"),
    ),
    "dolly": (
        {"instruction": "Who?", "context": "Ann", "response": "Ann", "category": "closed_qa"},
        Pair("dolly", "Who?", "Ann", "Ann"),
    ),
    "messages": (
        {"messages": [SYSTEM, *said("Hi", "Ho", "And?", "No.\n")], "source": "x"},
        Pair("messages", "And?", "", "No.\n", "Be kind.", TURNS),
    ),
    "conversations": (
        {
            "id": "7",
            "conversations": [
                {"from": "system", "value": "Be kind."},
                *said(
                    "Hi", "Ho", "And?", "No.", roles=("human", "gpt"), role="from", content="value"
                ),
            ],
        },
        Pair("conversations", "And?", "", "No.", "Be kind.", TURNS),
    ),
    "prompt_completion": (
        {"prompt": "Say one.\n", "completion": " One"},
        Pair("prompt_completion", "Say one.", "", "One"),
    ),
}


def test_every_form_has_a_row_here() -> None:
    assert set(ROWS) == set(FORMS)


@pytest.mark.parametrize("form", FORMS)
def test_a_form_is_found_by_its_columns_or_named(form: str, tmp_path: Path) -> None:
    row, pair = ROWS[form]
    for named in ("auto", form):
        pairs = found(tmp_path, row, form=named)
        assert pairs.pairs == (pair,)
        assert (pairs.form, pairs.rows, pairs.unusable) == (form, 1, {})


def test_prompt_and_completion_may_be_lists_of_messages(tmp_path: Path) -> None:
    row = {"prompt": [SYSTEM, *said("Hi", "Ho", "And?")], "completion": said("", "No.")[1:]}
    expected = Pair("prompt_completion", "And?", "", "No.", "Be kind.", TURNS)
    assert found(tmp_path, row).pairs == (expected,)
    assert found(tmp_path, row, turns="all").pairs == (expected,)  # no answers of the prompt


def test_alpacas_system_and_history_are_read(tmp_path: Path) -> None:
    rows = [
        {"instruction": "And?", "output": "No.", "system": "Be kind.", "history": [["Hi", "Ho"]]},
        {"instruction": "Why?", "output": "So.", "system": "", "history": []},
    ]
    last = Pair("alpaca", "And?", "", "No.", "Be kind.", TURNS)
    assert found(tmp_path, *rows).pairs == (last, Pair("alpaca", "Why?", "", "So."))
    first = Pair("alpaca", "Hi", "", "Ho", "Be kind.")
    assert found(tmp_path, *rows, turns="all").pairs[:2] == (first, last)
    with pytest.raises(StudyError, match=r"row 1: has a 'history' that is no list of \[user, ass"):
        found(tmp_path, {**rows[0], "history": [["Hi", "Ho", "Hu"]]})


def test_every_answer_is_learned_after_all_that_was_said_before(tmp_path: Path) -> None:
    row = {"messages": [SYSTEM, *said("Hi", "Ho", "And?", "No.", "Bye")]}
    first = Pair("messages", "Hi", "", "Ho", "Be kind.")
    last = Pair("messages", "And?", "", "No.", "Be kind.", TURNS)
    assert found(tmp_path, row, turns="all").pairs == (first, last)
    assert found(tmp_path, row, turns="last").pairs == (last,)


def test_answers_of_weight_0_are_read_and_not_learned(tmp_path: Path) -> None:
    messages = said("Hi", "Ho", "And?", "No.")
    messages[3] = {**messages[3], "weight": 0}
    pair = Pair("messages", "Hi", "", "Ho")
    assert found(tmp_path, {"messages": messages}, turns="all").pairs == (pair,)
    messages[1] = {**messages[1], "weight": 0.5}
    with pytest.raises(StudyError, match=r"a message of weight 0.5"):
        found(tmp_path, {"messages": messages})


def test_the_pairs_of_a_conversation_are_one_family(tmp_path: Path) -> None:
    rows = [
        {"messages": said("hello", f"{i}", f"tell me of number {i} please", "yes", "and?", f"n{i}")}
        for i in range(12)
    ]
    pairs = found(tmp_path, *rows, turns="all")
    assert len(pairs.pairs) == 36
    families = pairs.families.reshape(12, 3)
    assert (families == families[:, :1]).all()
    assert len(set(families[:, 0].tolist())) == 12


def test_conversations_that_begin_with_the_same_question_are_one_family(tmp_path: Path) -> None:
    start = "How do I bake a loaf of bread?"
    rows = [{"messages": said(start, "a", f"more {i}", "b")} for i in range(2)]
    for turns in ("last", "all"):
        pairs = found(tmp_path, *rows, {"messages": said(start, "c")}, turns=turns)
        assert len(set(pairs.families.tolist())) == 1
    assert pairs.dropped == {"duplicate": 1}


def test_no_conversation_is_in_two_splits(tmp_path: Path) -> None:
    model = toys.write_model(tmp_path / "model")
    rows = [
        {"messages": said(f"{chr(65 + i)}", "a", f"b{chr(65 + i)}", f"{chr(65 + i)}")}
        for i in range(20)
    ]
    sizes: dict[str, Any] = {"train_size": None, "validation_size": 4, "test_size": 6}
    data = settings(tmp_path, rows, turns="all", max_length=96, **sizes)
    prepared, report = prepare(data, str(model))
    assert report["turns"] == "all"
    letters = {}
    for name in ("train", "validation", "test"):
        split = getattr(prepared, name)
        starts = split.offsets[:-1] + len("<|user|>")
        letters[name] = set(split.input_ids[starts].tolist())
    assert not letters["test"] & (letters["train"] | letters["validation"])
    assert not letters["train"] & letters["validation"]


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        (said("Hi"), "no_answer"),
        (None, "no_answer"),
        (said("Hi", " "), "empty_response"),
        (said(" ", "Ho"), "empty_instruction"),
        (said("", "Ho")[1:], "no_question"),
        ([*said("Hi", "Ho"), {"role": "tool", "content": "7"}], "other_role"),
    ],
)
def test_a_row_that_cannot_be_used_is_counted_by_reason(
    messages: list[Row] | None, reason: str, tmp_path: Path
) -> None:
    good = {"messages": said("And?", "No.")}
    pairs = found(tmp_path, good, {"messages": messages}, good)
    assert pairs.pairs == (Pair("messages", "And?", "", "No."),)
    assert (pairs.unusable, pairs.dropped) == ({reason: [2]}, {"duplicate": 1})


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (ROWS["messages"][0] | {"tools": [{"name": "f"}]}, "something in column 'tools'"),
        (ROWS["messages"][0] | {"system": "Be loud."}, "another system message in column 'system'"),
        (ROWS["alpaca"][0] | {"system_prompt": "Hm."}, "'system_prompt' .rename it to 'system'."),
        (ROWS["alpaca"][0] | {"context": "Ann"}, "something in column 'context'"),
        (ROWS["dolly"][0] | {"input": "Ann and Bob"}, "something in column 'input'"),
        (
            {"messages": [{"role": "assistant", "content": None, "tool_calls": ["f"]}]},
            "has messages with 'tool_calls'",
        ),
        ({"messages": [{"text": "Hi"}]}, "a message without a role"),
    ],
)
def test_what_would_change_a_conversation_is_refused_by_name(
    row: Row, message: str, tmp_path: Path
) -> None:
    with pytest.raises(StudyError, match=rf"row 1: .*{message}"):
        found(tmp_path, row)


@pytest.mark.parametrize(
    "row",
    [
        ROWS["messages"][0] | {"tools": [], "functions": "[]", "images": None, "system": ""},
        ROWS["messages"][0] | {"prompt": "Hi", "system": "Be kind."},
        ROWS["alpaca"][0] | {"prompt": "Below is:\nSay one.\nnow\n"},
    ],
)
def test_columns_that_are_empty_or_say_the_same_change_nothing(row: Row, tmp_path: Path) -> None:
    form = "messages" if "messages" in row else "alpaca"
    assert found(tmp_path, row).pairs == (ROWS[form][1],)


def test_columns_of_no_form_or_of_two_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"auto, but .* has columns question, answer; allowed"):
        found(tmp_path, {"question": "Why?", "answer": "So."})
    both = ROWS["alpaca"][0] | ROWS["messages"][0]
    with pytest.raises(StudyError, match="has the columns of alpaca and messages; allowed: one"):
        found(tmp_path, both)
    with pytest.raises(StudyError, match="has no column 'messages', only instruction, output"):
        found(tmp_path, {"instruction": "Why?", "output": "So."}, form="messages")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"messages": "Hi"}, "'messages' of .* holds string; allowed: a list of messages"),
        ({"instruction": "Why?", "output": ["So."]}, "'output' of .* holds List; allowed: text"),
        ({"instruction": 3, "output": "So."}, "'instruction' of .* holds int64; allowed: text"),
    ],
)
def test_a_column_of_another_kind_is_refused_by_name(
    row: Row, message: str, tmp_path: Path
) -> None:
    with pytest.raises(StudyError, match=message):
        found(tmp_path, row)


def test_a_csv_files_empty_columns_are_no_lists(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("instruction,output,history,tools\nWhy?,So.,,\n", encoding="utf-8")
    data = replace(DEFAULT, form="auto", name=str(path), where=None)
    assert read_pairs(data).pairs == (Pair("alpaca", "Why?", "", "So."),)


def test_roles_of_both_forms_are_those_that_templates_know() -> None:
    assert set(ROLES.values()) == {"system", "user", "assistant"}
