"""Pairs as token ids: the prompt as the model's chat template has it, then the response."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jinja2 import TemplateError

from study.data.tokenising import load_tokenizer
from study.entry.errors import StudyError
from study.records.prepared import Split
from study.sources.resolve import display_name
from study.studies.instruct.pairs.templates import Pair


@dataclass(frozen=True, eq=False)
class Encoded:
    """Tokenised pairs, and what was cut.

    Attributes:
        split: whose labels are the number of response tokens.
        cut: how many responses lost tokens.
    """

    split: Split
    cut: int


class PairTokenizer:
    """A model's tokenizer and chat template, held to one maximal length.

    Without a chat template a pair is written under the headings Instruction, Input and Response.

    Args:
        system: text of a message before the instruction; None: the template's own, if any.

    Raises:
        StudyError: there is no tokenizer, or the model has fewer positions than `max_length`.
    """

    def __init__(self, model_name: str, max_length: int, system: str | None) -> None:
        self._tokenizer: Any
        self._tokenizer, config = load_tokenizer(model_name)
        self.display_name = display_name(model_name)
        self.max_length, self._system = max_length, system
        text = config.get_text_config()
        self._vocabulary: int = text.vocab_size
        positions = getattr(text, "max_position_embeddings", None)
        if positions is not None and max_length > positions:
            raise StudyError(
                f"data.max_length: {max_length}; allowed for {self.display_name}: at most "
                f"{positions} tokens"
            )

    @property
    def pad_token_id(self) -> int:
        """The id that padding would have; 0 if the tokenizer has none, as in GPT-2."""
        pad = self._tokenizer.pad_token_id
        return 0 if pad is None else int(pad)

    def texts(self, pair: Pair) -> tuple[str, str]:
        """Write a pair as prompt and response, special tokens included.

        Raises:
            StudyError: the chat template takes no such messages, or does not end a prompt where
                its response begins.
        """
        asked = f"{pair.instruction}\n\n{pair.input}" if pair.input else pair.instruction
        if self._tokenizer.chat_template is None:
            return self._plain(pair)
        system = [] if self._system is None else [{"role": "system", "content": self._system}]
        messages = [*system, {"role": "user", "content": asked}]
        answer = {"role": "assistant", "content": pair.response}
        try:
            prompt = self._written(messages, add_generation_prompt=True)
            both = self._written([*messages, answer], add_generation_prompt=False)
        except (TemplateError, ValueError) as error:
            raise StudyError(
                f"model.name: the chat template of {self.display_name}: {error}"
            ) from None
        if not both.startswith(prompt):
            raise StudyError(
                f"model.name: the chat template of {self.display_name} does not begin a response "
                "where the prompt ends, so that the response cannot be told from it"
            )
        return prompt, both[len(prompt) :].rstrip()

    def _written(self, messages: list[dict[str, str]], add_generation_prompt: bool) -> str:
        text: str = self._tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=add_generation_prompt
        )
        return text

    def _plain(self, pair: Pair) -> tuple[str, str]:
        parts = [] if self._system is None else [self._system]
        parts += [f"### Instruction:\n{pair.instruction}"]
        parts += [f"### Input:\n{pair.input}"] if pair.input else []
        start = self._tokenizer.bos_token or ""
        end = self._tokenizer.eos_token or ""
        return start + "\n\n".join([*parts, "### Response:\n"]), pair.response + end

    def encode(self, pairs: Sequence[Pair]) -> Encoded:
        """Tokenise pairs; a response that is too long loses its end.

        Raises:
            StudyError: a prompt leaves no room for its response, a response has no token, or the
                model has no embedding for one.
        """
        texts = [self.texts(pair) for pair in pairs]
        prompts = self._ids([prompt for prompt, _ in texts])
        answers = self._ids([response for _, response in texts])
        longest = max(map(len, prompts))
        full = sum(len(prompt) >= self.max_length for prompt in prompts)
        if full:
            raise StudyError(
                f"data.max_length: {self.max_length} tokens, but {full} of {len(pairs)} prompts "
                f"leave no room in it for a response; allowed: more than {longest}"
            )
        if not all(answers):
            empty = pairs[[len(ids) for ids in answers].index(0)]
            raise StudyError(
                f"data.name: the response {empty.response[:60]!r} has no token in "
                f"{self.display_name}"
            )
        whole = [[*p, *a][: self.max_length] for p, a in zip(prompts, answers, strict=True)]
        input_ids = torch.tensor([i for ids in whole for i in ids], dtype=torch.int32)
        if int(input_ids.max()) >= self._vocabulary:
            raise StudyError(
                f"model.name: the tokenizer of {self.display_name} makes the id "
                f"{int(input_ids.max())}; allowed: below the model's {self._vocabulary}"
            )
        lengths = torch.tensor([len(ids) for ids in whole], dtype=torch.int32)
        asked = torch.tensor([len(ids) for ids in prompts])
        answered = torch.tensor([len(ids) for ids in answers])
        split = Split(input_ids, lengths, lengths.long() - asked)
        return Encoded(split, int((split.labels < answered).sum()))

    def _ids(self, texts: Sequence[str]) -> list[list[int]]:
        # The texts have their special tokens already.
        encoded = self._tokenizer(list(texts), add_special_tokens=False, verbose=False)
        ids: list[list[int]] = encoded["input_ids"]
        return ids
