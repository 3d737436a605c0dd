"""Tokenising: the model's own ids, cut at the right end, refused where the model has none."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import (
    AutoTokenizer,
    BertConfig,
    DebertaV2Config,
    DistilBertConfig,
    RobertaConfig,
)

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


PAIRS = [
    ("good film", "bad"),
    ("good", "bad bad bad bad"),
    ("film film film film", "good good good"),
]


def written(folder: Path, *words: str) -> dict[str, list[list[int]]]:
    """What transformers' own tokenizer makes of the pairs, cut to seven tokens."""
    own = AutoTokenizer.from_pretrained(folder)
    columns = [list(column) for column in zip(*PAIRS, strict=True)]
    encoded = own(*columns, truncation="longest_first", max_length=7)
    return {word: encoded[word] for word in words}


def test_pairs_are_put_together_as_the_tokenizer_does_it_and_cut_at_the_longer(bert: str) -> None:
    tokens = Tokenizer(bert, 7, pairs=True).encode(PAIRS)
    expected = written(Path(bert), "input_ids", "token_type_ids")
    assert sentences(tokens) == expected["input_ids"]
    assert tokens.token_types is not None
    assert tokens.token_types.dtype == torch.int8
    assert tokens.token_types.tolist() == [i for row in expected["token_type_ids"] for i in row]
    assert sentences(tokens)[2] == [CLS, FILM, FILM, SEP, GOOD, GOOD, SEP]
    assert tokens.full_lengths.tolist() == [6, 8, 10]
    assert Tokenizer(bert, 7).encode(["good film"]).token_types is None
    with pytest.raises(StudyError, match=r"max_length: 4; allowed for bert: 5 to 16 tokens"):
        Tokenizer(bert, 4, pairs=True)


def test_a_model_that_asks_for_no_token_types_gets_none(tmp_path: Path) -> None:
    for config, more in ((DistilBertConfig, {}), (DebertaV2Config, {"type_vocab_size": 0})):
        folder = write_bert(tmp_path / config.__name__, "good bad film", config=config, **more)
        tokens = Tokenizer(str(folder), 7, pairs=True).encode(PAIRS)
        assert sentences(tokens) == written(folder, "input_ids")["input_ids"]
        assert tokens.token_types is None


def test_a_model_with_too_few_token_types_is_refused(tmp_path: Path) -> None:
    folder = write_bert(tmp_path / "few", "good bad film", config=RobertaConfig, type_vocab_size=1)
    tokenizer = Tokenizer(str(folder), 7, pairs=True)
    with pytest.raises(StudyError, match=r"few gives tokens the type 1, .* the model has 1 \(type"):
        tokenizer.encode(PAIRS)
    assert tokenizer.encode(["good"]).token_types is None


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
