"""Pairs as token ids: the prompt as the model's chat template has it, then the response."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jinja2 import TemplateError
from numpy.typing import NDArray

from study.data.tokenising import load_tokenizer
from study.entry.errors import StudyError
from study.records.prepared import Split
from study.sources.configs import token_id
from study.sources.resolve import display_name
from study.studies.instruct.pairs import dates
from study.studies.instruct.pairs.templates import Pair

_AT_ONCE = 1000  # pairs whose ids are lists at a time
_PROBE = "Yes"  # a response that no template writes by itself


class Refused(StudyError):
    """The chat template takes no such messages."""


@dataclass(frozen=True, eq=False)
class Tokens:
    """One pair as ids.

    Attributes:
        ids: int32, of prompt and response, cut to the maximal length.
        prompt, full: tokens of the prompt, and of both before they were cut.
    """

    ids: NDArray[np.int32]
    prompt: int
    full: int


@dataclass(frozen=True)
class Unfit:
    """A pair that cannot be used.

    Attributes:
        reason: long_prompt, empty_response or refused_by_template.
        prompt: tokens of a prompt that is too long, else 0.
    """

    reason: str
    prompt: int = 0


_REFUSED = Unfit("refused_by_template")


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
        system: text of a message before conversations without one; None: the template's own.
        date: that a template which asks for today's is told, as YYYY-MM-DD.

    Raises:
        StudyError: there is no tokenizer, or the model has fewer positions than `max_length`.
    """

    def __init__(self, model_name: str, max_length: int, system: str | None, date: str) -> None:
        self._tokenizer: Any
        self._tokenizer, self._config = load_tokenizer(model_name)
        self.display_name = display_name(model_name)
        self.max_length, self._system = max_length, system
        self._template = self._told(datetime.date.fromisoformat(date))
        self._open: bool | None = None
        text = self._config.get_text_config()
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

    @property
    def dated(self) -> bool:
        """Whether the template asks for today's date."""
        return self._template is not None

    @property
    def leaves_open(self) -> bool:
        """Whether the chat template put nothing behind the responses that were tokenised."""
        return bool(self._open)

    @property
    def end(self) -> str | None:
        """The end token, with which a response is closed that the template leaves open."""
        token: str | None = self._tokenizer.eos_token
        if token is None and (own := token_id(self._config, "eos")) is not None:
            token = self._tokenizer.convert_ids_to_tokens(own)
        return token

    def texts(self, pair: Pair) -> tuple[str, str]:
        """Write a pair as prompt and response, special tokens included.

        Raises:
            Refused: the chat template takes no such messages.
            StudyError: it does not end a prompt where its response begins.
        """
        asked = f"{pair.instruction}\n\n{pair.input}" if pair.input else pair.instruction
        if self._tokenizer.chat_template is None:
            return self._plain(pair)
        said = [*self._before(pair), ("user", asked)]
        messages = [{"role": role, "content": text} for role, text in said]
        answer = {"role": "assistant", "content": pair.response}
        try:
            prompt = self._written(messages, add_generation_prompt=True)
            both = self._written([*messages, answer], add_generation_prompt=False)
        except (TemplateError, ValueError) as error:
            raise Refused(
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
            messages,
            chat_template=self._template,
            tokenize=False,
            add_generation_prompt=add_generation_prompt,
        )
        return text

    def _told(self, day: datetime.date) -> str | None:
        """Return the template with its date; None: it asks for none, or there is none."""
        if self._tokenizer.chat_template is None:
            return None
        template: str = self._tokenizer.get_chat_template()
        return dates.told(template, day) if dates.asks(template) else None

    def _before(self, pair: Pair) -> list[tuple[str, str]]:
        """Return the messages before the instruction; a conversation's own system message stands.

        It takes the place of the settings'.
        """
        own = any(role == "system" for role, _ in pair.earlier)
        system = pair.system or (None if own else self._system)
        return [*([] if system is None else [("system", system)]), *pair.earlier]

    def _plain(self, pair: Pair) -> tuple[str, str]:
        end = self.end or ""
        heads = {"user": "### Instruction:\n", "assistant": "### Response:\n", "system": ""}
        ends = {"user": "", "assistant": end, "system": ""}
        parts = [heads[role] + text + ends[role] for role, text in self._before(pair)]
        parts += [f"### Instruction:\n{pair.instruction}"]
        parts += [f"### Input:\n{pair.input}"] if pair.input else []
        start = self._tokenizer.bos_token or ""
        return start + "\n\n".join([*parts, "### Response:\n"]), pair.response + end

    def tokens(self, pairs: Sequence[Pair]) -> list[Tokens | Unfit]:
        """Tokenise pairs, each as a whole; a response that is too long loses its end.

        A response is what follows the ids that the pair has in common with its prompt alone: where
        the two are tokenised apart, some tokenizers begin the second with a token that the template
        never has (SentencePiece's), or miss one across both.

        Raises:
            Refused: the template refuses all pairs, in its own words.
            StudyError: it does not end a prompt where its response begins.
        """
        found: list[Tokens | Unfit] = []
        for start in range(0, len(pairs), _AT_ONCE):
            found += self._some(pairs[start : start + _AT_ONCE])
        if found and all(one == _REFUSED for one in found):
            self.texts(pairs[0])
        return found

    def _some(self, pairs: Sequence[Pair]) -> list[Tokens | Unfit]:
        written: list[tuple[str, str] | None] = []
        for pair in pairs:
            try:
                written.append(self._closed(pair))
            except Refused:
                written.append(None)
        texts = [text for text in written if text is not None]
        if not texts:
            return [_REFUSED] * len(pairs)
        prompts = self._ids([prompt for prompt, _ in texts])
        wholes = self._ids([prompt + response for prompt, response in texts])
        made = iter(map(self._cut, prompts, wholes))
        return [_REFUSED if text is None else next(made) for text in written]

    def _cut(self, prompt: Sequence[int], whole: Sequence[int]) -> Tokens | Unfit:
        same = 0
        for one, other in zip(prompt, whole, strict=False):
            if one != other:
                break
            same += 1
        if same >= self.max_length:
            return Unfit("long_prompt", same)
        if same == len(whole):
            return Unfit("empty_response")
        ids = np.asarray(whole[: self.max_length], dtype=np.int32)
        return Tokens(ids, same, len(whole))

    def _closed(self, pair: Pair) -> tuple[str, str]:
        """Write a pair, with the end token behind a response that the template leaves open."""
        prompt, response = self.texts(pair)
        if self._tokenizer.chat_template is None:
            return prompt, response
        if self._open is None:
            self._open = self.texts(replace(pair, response=_PROBE))[1].endswith(_PROBE)
        return prompt, response + (self.end or "") if self._open else response

    def pack(self, found: Sequence[Tokens]) -> Encoded:
        """Lay pairs end to end.

        Raises:
            StudyError: the model has no embedding for an id.
        """
        input_ids = torch.from_numpy(np.concatenate([one.ids for one in found]))
        if int(input_ids.max()) >= self._vocabulary:
            raise StudyError(
                f"model.name: the tokenizer of {self.display_name} makes the id "
                f"{int(input_ids.max())}; allowed: below the model's {self._vocabulary}"
            )
        lengths = torch.tensor([len(one.ids) for one in found], dtype=torch.int32)
        asked = torch.tensor([one.prompt for one in found])
        split = Split(input_ids, lengths, lengths.long() - asked)
        return Encoded(split, sum(one.full > len(one.ids) for one in found))

    def _ids(self, texts: Sequence[str]) -> list[list[int]]:
        # The texts have their special tokens already.
        encoded = self._tokenizer(list(texts), add_special_tokens=False, verbose=False)
        ids: list[list[int]] = encoded["input_ids"]
        return ids
