"""Tokenising: the model's own ids, cut at the right end, refused where the model has none."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import BertConfig

from study.data.tokenising import Tokenizer, Tokens
from study.entry.errors import StudyError
from tests.study.tiny_models import write_bert, write_gpt2

UNK, CLS, SEP, GOOD, BAD, FILM = 1, 2, 3, 4, 5, 6


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_bert(tmp_path_factory.mktemp("models") / "bert", "good bad film"))


def sentences(tokens: Tokens) -> list[list[int]]:
    return [part.tolist() for part in torch.split(tokens.input_ids, tokens.lengths.tolist())]


@pytest.mark.usefixtures("no_network")
def test_ids_stand_end_to_end_with_special_tokens(bert: str) -> None:
    tokens = Tokenizer(bert, max_length=8).encode(["good film", "Bad", "what"])
    assert sentences(tokens) == [[CLS, GOOD, FILM, SEP], [CLS, BAD, SEP], [CLS, UNK, SEP]]
    assert tokens.input_ids.dtype == tokens.lengths.dtype == torch.int32
    assert tokens.full_lengths.tolist() == tokens.lengths.tolist()


def test_long_texts_are_cut_before_the_last_special_token(bert: str) -> None:
    texts = ["good", "good bad film film film", "bad"]
    tokens = Tokenizer(bert, max_length=4).encode(texts)
    assert sentences(tokens) == [[CLS, GOOD, SEP], [CLS, GOOD, BAD, SEP], [CLS, BAD, SEP]]
    assert tokens.full_lengths.tolist() == [3, 7, 3]


def test_a_tokenizer_without_special_tokens_will_do(tmp_path: Path) -> None:
    tokenizer = Tokenizer(str(write_gpt2(tmp_path / "gpt2")), max_length=3)
    tokens = tokenizer.encode(["a", "film"])
    assert tokens.lengths.tolist() == [1, 3]
    assert tokens.full_lengths.tolist() == [1, 4]
    assert tokenizer.pad_token_id == 0


def test_one_length_more_than_the_special_tokens_is_enough(bert: str) -> None:
    assert sentences(Tokenizer(bert, 3).encode(["good bad"])) == [[CLS, GOOD, SEP]]
    assert Tokenizer(bert, 16).max_length == 16


@pytest.mark.parametrize("max_length", [1, 2, 17, 512])
def test_a_length_that_the_model_cannot_take_is_refused(bert: str, max_length: int) -> None:
    with pytest.raises(
        StudyError, match=r"data\.max_length: \d+; allowed for bert: 3 to 16 tokens"
    ):
        Tokenizer(bert, max_length)


def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    """`transformers` would make one up that knows no word."""
    BertConfig().save_pretrained(tmp_path / "bare")
    with pytest.raises(StudyError, match=r"bare' has no tokenizer; looked in"):
        Tokenizer(str(tmp_path / "bare"), 8)


def test_a_broken_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(StudyError, match=r"model\.name: looked for the tokenizer of"):
        Tokenizer(str(tmp_path), 8)


def test_a_hub_id_without_a_network_is_one_error() -> None:
    with pytest.raises(StudyError, match="'someone/model' here and on the Hugging Face hub") as no:
        Tokenizer("someone/model", 8)
    assert "\n" not in str(no.value)


def test_a_tokenizer_of_another_model_is_refused(tmp_path: Path) -> None:
    folder = write_bert(tmp_path / "small", "good bad film", vocab_size=6)
    with pytest.raises(StudyError, match=r"makes the id 6; allowed: below the model's 6"):
        Tokenizer(str(folder), 8).encode(["good film"])


def test_a_text_without_a_token_is_named(tmp_path: Path) -> None:
    tokenizer = Tokenizer(str(write_gpt2(tmp_path / "gpt2")), max_length=8)
    with pytest.raises(StudyError, match=r"data\.text: '' has no token in gpt2"):
        tokenizer.encode(["film", ""])
