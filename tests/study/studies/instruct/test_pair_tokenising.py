"""Pairs as ids: where the response begins and ends, what is cut, what cannot be used."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from study.entry.errors import StudyError
from study.studies.instruct.pairs.conversations import Message, pairs_of
from study.studies.instruct.pairs.templates import Pair
from study.studies.instruct.pairs.tokenising import (
    Encoded,
    PairTokenizer,
    Tokens,
    Unfit,
)
from tests.study.studies.instruct import toys

PAIR = Pair("alpaca", "Name a colour.", "warm", "red")
BARE = "{% for m in messages %}[{{ m['role'] }}]{{ m['content'] }}{% endfor %}"
ASKS = "{% if add_generation_prompt %}[assistant]{% endif %}"
MARKED = (
    "{% for m in messages %}<|{{ m['role'] }}|>{% if m['role'] == 'assistant' %}"
    "{% generation %}{{ m['content'] }}<|end|>{% endgeneration %}"
    "{% else %}{{ m['content'] }}<|end|>{% endif %}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def tokenizer_of(model: str, length: int, system: str | None = None) -> PairTokenizer:
    return PairTokenizer(model, length, system, "2025-01-01")


def encode(tokenizer: PairTokenizer, pairs: Sequence[Pair]) -> Encoded:
    found = tokenizer.tokens(pairs)
    usable = [one for one in found if isinstance(one, Tokens)]
    assert len(usable) == len(found)
    return tokenizer.pack(usable)


def with_template(folder: Path, template: str) -> str:
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    return str(folder)


def answers(encoded: Encoded) -> list[list[int]]:
    split = encoded.split
    rows = split.input_ids.split(split.lengths.tolist())
    return [row[-n:].tolist() for row, n in zip(rows, split.labels.tolist(), strict=True)]


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(toys.write_model(tmp_path_factory.mktemp("llama")))


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(toys.write_model(tmp_path_factory.mktemp("gpt2"), "gpt2"))


def test_the_chat_template_writes_the_prompt_and_the_response_ends_it(llama: str) -> None:
    tokenizer = tokenizer_of(llama, 96, "Be brief.")
    assert tokenizer.texts(PAIR) == (
        "<|system|>Be brief.<|end|>\n<|user|>Name a colour.\n\nwarm<|end|>\n<|assistant|>",
        "red<|end|>",
    )
    encoded = encode(tokenizer, [PAIR])
    assert int(encoded.split.labels[0]) == 4  # r e d and the end
    plain = AutoTokenizer.from_pretrained(llama)
    assert plain.decode(encoded.split.input_ids[-4:]).replace(" ", "") == "red<|end|>"
    assert encoded.cut == 0


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_where_nothing_crosses_over_ids_are_those_of_prompt_and_response(
    family: str, request: pytest.FixtureRequest
) -> None:
    model = request.getfixturevalue(family)
    pairs = [
        Pair("alpaca", row["instruction"], row["input"], row["output"])
        for row in toys.alpaca_rows(12)
    ]
    tokenizer, theirs = tokenizer_of(model, 128), AutoTokenizer.from_pretrained(model)
    split = encode(tokenizer, pairs).split
    rows = split.input_ids.split(split.lengths.tolist())
    for pair, row, answered in zip(pairs, rows, split.labels.tolist(), strict=True):
        apart = [
            theirs(text, add_special_tokens=False)["input_ids"] for text in tokenizer.texts(pair)
        ]
        assert row.tolist() == [i for ids in apart for i in ids]
        assert answered == len(apart[1])


def test_without_a_template_the_pair_has_headings(gpt2: str) -> None:
    prompt, response = tokenizer_of(gpt2, 96).texts(PAIR)
    assert prompt == "### Instruction:\nName a colour.\n\n### Input:\nwarm\n\n### Response:\n"
    assert response == "red<|end|>"
    bare = Pair("alpaca", "Name a colour.", "", "red")
    assert "Input" not in tokenizer_of(gpt2, 96).texts(bare)[0]


def test_a_long_response_loses_its_end_and_is_counted(llama: str) -> None:
    tokenizer = tokenizer_of(llama, 80)
    long = Pair("alpaca", "Count.", "", "x" * 200)
    encoded = encode(tokenizer, [PAIR, long])
    assert encoded.cut == 1
    assert int(encoded.split.lengths[1]) == 80
    prompt = len("<|user|>Count.") + 1 + len("\n<|assistant|>")
    assert int(encoded.split.labels[1]) == 80 - prompt
    assert torch.equal(encoded.split.input_ids[-3:], encoded.split.input_ids[-6:-3])


def test_a_prompt_that_leaves_no_room_cannot_be_used(llama: str) -> None:
    first, second = tokenizer_of(llama, 40).tokens([Pair("x", "Hi", "", "y"), PAIR])
    assert isinstance(first, Tokens)
    asked = "<|user|>Name a colour.\n\nwarm" + "\n<|assistant|>"
    assert second == Unfit("long_prompt", len(asked) + 1)  # and the end token


def test_more_tokens_than_positions_are_refused(llama: str) -> None:
    with pytest.raises(StudyError, match=r"data.max_length: 129; .* at most 128"):
        tokenizer_of(llama, 129)


def test_a_template_that_does_not_say_where_the_response_begins_is_refused(tmp_path: Path) -> None:
    folder = toys.write_model(tmp_path / "model")
    (folder / "chat_template.jinja").write_text(
        "{% for m in messages %}{{ m['content'] }} by {{ m['role'] }};{% endfor %}"
        "{% if add_generation_prompt %}assistant:{% endif %}",
        encoding="utf-8",
    )
    with pytest.raises(StudyError, match="does not begin a response where the prompt ends"):
        tokenizer_of(str(folder), 96).tokens([PAIR])


def test_a_template_that_refuses_a_message_is_reported(tmp_path: Path) -> None:
    folder = toys.write_model(tmp_path / "model")
    (folder / "chat_template.jinja").write_text(
        "{{ raise_exception('no system message here') }}", encoding="utf-8"
    )
    with pytest.raises(StudyError, match="chat template of model: no system message here"):
        tokenizer_of(str(folder), 96, "Be brief.").tokens([PAIR])


def test_a_template_that_refuses_some_messages_leaves_the_others(tmp_path: Path) -> None:
    folder = toys.write_model(tmp_path / "model")
    refuses = "{% if messages | length > 2 %}{{ raise_exception('no turns') }}{% endif %}"
    model = with_template(folder, refuses + toys.CHAT)
    long = Pair("messages", "And?", "", "No.", None, (("user", "Hi"), ("assistant", "Ho")))
    kept, refused = tokenizer_of(model, 96).tokens([PAIR, long])
    assert isinstance(kept, Tokens)
    assert refused == Unfit("refused_by_template")


def test_own_system_message_and_earlier_turns_stand_before_the_instruction(
    llama: str, gpt2: str
) -> None:
    earlier = (("user", "Hi"), ("assistant", "Ho"))
    pair = Pair("messages", "And?", "", "No.", "Be kind.", earlier)
    prompt, response = tokenizer_of(llama, 96, "Be brief.").texts(pair)
    assert prompt == (
        "<|system|>Be kind.<|end|>\n<|user|>Hi<|end|>\n<|assistant|>Ho<|end|>\n"
        "<|user|>And?<|end|>\n<|assistant|>"
    )
    assert response == "No.<|end|>"
    later = Pair("messages", "And?", "", "No.", None, (*earlier, ("system", "Be loud.")))
    assert "brief" not in tokenizer_of(llama, 96, "Be brief.").texts(later)[0]
    assert tokenizer_of(gpt2, 96).texts(pair)[0] == (
        "Be kind.\n\n### Instruction:\nHi\n\n### Response:\nHo<|end|>\n\n"
        "### Instruction:\nAnd?\n\n### Response:\n"
    )


def test_responses_are_the_tokens_that_transformers_masks(tmp_path: Path) -> None:
    model = with_template(toys.write_model(tmp_path / "model"), MARKED)
    said = ["Be kind.", "Hi", " Hello ", "And now?", "\nNo.\n\nNever."]
    roles = ["system", "user", "assistant", "user", "assistant"]
    messages = [Message(*both) for both in zip(roles, said, strict=True)]
    pairs = [p for p in pairs_of("messages", messages, all_turns=True) if isinstance(p, Pair)]
    found = answers(encode(tokenizer_of(model, 128), pairs))
    theirs = AutoTokenizer.from_pretrained(model).apply_chat_template(
        [{"role": m.role, "content": m.text} for m in messages],
        return_dict=True,
        return_assistant_tokens_mask=True,
    )
    masked = zip(theirs["input_ids"], theirs["assistant_masks"], strict=True)
    assert [i for i, learned in masked if learned] == [i for row in found for i in row]
    assert len(found) == 2


def sentencepiece(folder: Path, template: str, merges: Sequence[tuple[str, str]] = ()) -> str:
    """A toy model whose tokenizer, as Llama's, begins a text with a mark of a space."""
    toys.write_model(folder)
    letters = sorted({chr(i) for i in range(33, 127)} | {"▁", "\n"})
    pieces = [*letters, *(a + b for a, b in merges)]
    vocabulary = {piece: i for i, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.BPE(vocabulary, list(merges)))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="</s>", bos_token="<s>")
    fast.chat_template = template
    fast.save_pretrained(folder)
    return str(folder)


def test_a_response_has_no_token_that_the_template_never_has(tmp_path: Path) -> None:
    template = BARE.replace("{% endfor %}", "</s>{% endfor %}") + ASKS
    model = sentencepiece(tmp_path / "model", template)
    theirs = AutoTokenizer.from_pretrained(model)
    (found,) = answers(encode(tokenizer_of(model, 96), [Pair("x", "Hi", "", "Yes")]))
    assert theirs.convert_ids_to_tokens(found) == ["Y", "e", "s", "</s>"]
    apart = theirs("Yes</s>", add_special_tokens=False)["input_ids"]
    assert theirs.convert_ids_to_tokens(apart)[0] == "▁"


def test_a_token_across_prompt_and_response_is_the_responses(tmp_path: Path) -> None:
    template = BARE.replace("{% endfor %}", "</s>{% endfor %}") + ASKS
    model = sentencepiece(tmp_path / "model", template, [("]", "Y")])
    theirs = AutoTokenizer.from_pretrained(model)
    encoded = encode(tokenizer_of(model, 96), [Pair("x", "Hi", "", "Yes")])
    (found,) = answers(encoded)
    assert theirs.convert_ids_to_tokens(found) == ["]Y", "e", "s", "</s>"]
    whole = "[user]Hi</s>[assistant]Yes</s>"
    assert encoded.split.input_ids.tolist() == theirs(whole, add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize("response", ["red", ">", "<|end|"])
def test_a_response_that_the_template_leaves_open_is_closed(response: str, tmp_path: Path) -> None:
    folder = toys.write_model(tmp_path / "model")
    closed = tokenizer_of(str(folder), 96)
    pair = Pair("x", "Name one.", "", response)
    encode(closed, [pair])
    assert not closed.leaves_open
    tokenizer = tokenizer_of(with_template(folder, BARE + ASKS), 96)
    (found,) = answers(encode(tokenizer, [pair]))
    assert len(found) == len(response) + 1
    assert tokenizer.leaves_open
    assert tokenizer.end == toys.END
    assert AutoTokenizer.from_pretrained(folder).convert_ids_to_tokens(found[-1]) == toys.END


def test_without_an_end_token_of_the_tokenizer_the_models_closes(tmp_path: Path) -> None:
    folder = toys.write_model(tmp_path / "model")
    settings: dict[str, Any] = json.loads((folder / "tokenizer_config.json").read_text())
    del settings["eos_token"]
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    config: dict[str, Any] = json.loads((folder / "config.json").read_text())
    end = AutoTokenizer.from_pretrained(folder).convert_tokens_to_ids(toys.END)
    (folder / "config.json").write_text(json.dumps(config | {"eos_token_id": end}))
    tokenizer = tokenizer_of(with_template(folder, BARE + ASKS), 96)
    (found,) = answers(encode(tokenizer, [PAIR]))
    assert found[-1] == end


@pytest.mark.parametrize("before", ["", "  ", "\n"])
def test_a_template_that_asks_for_the_date_is_told_the_settings(
    before: str, tmp_path: Path
) -> None:
    folder = toys.write_model(tmp_path / "model")
    assert not tokenizer_of(str(folder), 128).dated
    start = before + "{% if true %}{% set day = strftime_now('%d %b %Y, %-d.%m.%y') %}{% endif %}\n"
    asking = with_template(folder, start + "Today is {{ day }}\n" + toys.CHAT)
    tokenizer = PairTokenizer(asking, 128, None, "2019-03-09")
    assert tokenizer.dated
    day = datetime.date(2019, 3, 9)
    prompt, response = tokenizer.texts(PAIR)
    # All else is as transformers writes it today.
    today = AutoTokenizer.from_pretrained(folder).apply_chat_template(
        [{"role": "user", "content": "Name a colour.\n\nwarm"}],
        tokenize=False,
        add_generation_prompt=True,
    )
    told = re.sub(r"\d\d \w+ \d{4}, [\d.]+", day.strftime("%d %b %Y, %-d.%m.%y"), today)
    assert "09 Mar 2019, 9.03.19" in told
    assert prompt == told
    assert response == "red<|end|>"
