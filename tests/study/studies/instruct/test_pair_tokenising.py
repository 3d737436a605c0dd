"""Pairs as ids: where the response begins, what is cut, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer

from study.entry.errors import StudyError
from study.studies.instruct.pairs.templates import Pair
from study.studies.instruct.pairs.tokenising import PairTokenizer
from tests.study.studies.instruct import toys

PAIR = Pair("alpaca", "Name a colour.", "warm", "red")


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(toys.write_model(tmp_path_factory.mktemp("llama")))


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(toys.write_model(tmp_path_factory.mktemp("gpt2"), "gpt2"))


def test_the_chat_template_writes_the_prompt_and_the_response_ends_it(llama: str) -> None:
    tokenizer = PairTokenizer(llama, 96, "Be brief.")
    assert tokenizer.texts(PAIR) == (
        "<|system|>Be brief.<|end|>\n<|user|>Name a colour.\n\nwarm<|end|>\n<|assistant|>",
        "red<|end|>",
    )
    encoded = tokenizer.encode([PAIR])
    assert int(encoded.split.labels[0]) == 4  # r e d and the end
    plain = AutoTokenizer.from_pretrained(llama)
    assert plain.decode(encoded.split.input_ids[-4:]).replace(" ", "") == "red<|end|>"
    assert encoded.cut == 0


def test_without_a_template_the_pair_has_headings(gpt2: str) -> None:
    prompt, response = PairTokenizer(gpt2, 96, None).texts(PAIR)
    assert prompt == "### Instruction:\nName a colour.\n\n### Input:\nwarm\n\n### Response:\n"
    assert response == "red<|end|>"
    bare = Pair("alpaca", "Name a colour.", "", "red")
    assert "Input" not in PairTokenizer(gpt2, 96, None).texts(bare)[0]


def test_a_long_response_loses_its_end_and_is_counted(llama: str) -> None:
    tokenizer = PairTokenizer(llama, 80, None)
    long = Pair("alpaca", "Count.", "", "x" * 200)
    encoded = tokenizer.encode([PAIR, long])
    assert encoded.cut == 1
    assert int(encoded.split.lengths[1]) == 80
    prompt = len("<|user|>Count.") + 1 + len("\n<|assistant|>")
    assert int(encoded.split.labels[1]) == 80 - prompt
    assert torch.equal(encoded.split.input_ids[-3:], encoded.split.input_ids[-6:-3])


def test_a_prompt_that_leaves_no_room_is_refused(llama: str) -> None:
    with pytest.raises(StudyError, match=r"data.max_length: 40 tokens, but 1 of 2 prompts"):
        PairTokenizer(llama, 40, None).encode([Pair("x", "Hi", "", "y"), PAIR])


def test_more_tokens_than_positions_are_refused(llama: str) -> None:
    with pytest.raises(StudyError, match=r"data.max_length: 129; .* at most 128"):
        PairTokenizer(llama, 129, None)


def test_a_template_that_does_not_say_where_the_response_begins_is_refused(tmp_path: Path) -> None:
    folder = toys.write_model(tmp_path / "model")
    (folder / "chat_template.jinja").write_text(
        "{% for m in messages %}{{ m['content'] }} by {{ m['role'] }};{% endfor %}"
        "{% if add_generation_prompt %}assistant:{% endif %}",
        encoding="utf-8",
    )
    with pytest.raises(StudyError, match="does not begin a response where the prompt ends"):
        PairTokenizer(str(folder), 96, None).encode([PAIR])


def test_a_template_that_refuses_a_message_is_reported(tmp_path: Path) -> None:
    folder = toys.write_model(tmp_path / "model")
    (folder / "chat_template.jinja").write_text(
        "{{ raise_exception('no system message here') }}", encoding="utf-8"
    )
    with pytest.raises(StudyError, match="chat template of model: no system message here"):
        PairTokenizer(str(folder), 96, "Be brief.").encode([PAIR])
