"""Conversations as files have them: messages with roles, and the answers that are learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from study.studies.instruct.pairs.templates import Pair

ROLES = {
    **dict.fromkeys(("system", "developer"), "system"),
    **dict.fromkeys(("user", "human"), "user"),
    **dict.fromkeys(("assistant", "gpt", "chatgpt", "model", "bot"), "assistant"),
}
"""The roles of OpenAI's form and ShareGPT's, as chat templates know them."""

_KEYS = (("role", "content"), ("from", "value"))
_CHANGING = (
    *("tool_calls", "tool_call_id", "tools", "function_call", "name", "train", "loss"),
    *("reasoning_content", "reasoning", "thinking", "images", "image", "audio", "video"),
)


class Unusable(Exception):
    """A row or an answer of which no pair can be made; the message is the reason, for reports."""


class Unread(Exception):
    """Something that would change a conversation and is not read; the message says what."""


@dataclass(frozen=True)
class Message:
    """What was said.

    Attributes:
        role: one of the values of `ROLES`.
        learned: whether an answer is trained on, as far as the file says.
    """

    role: str
    text: str
    learned: bool = True


def messages_of(value: Any) -> list[Message]:
    """Read a list of messages.

    Raises:
        Unusable: a role or a content is none of ours.
        Unread: it is no such list, or a message holds more than role, content and weight.
    """
    if value is None:
        return []
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise Unread("is no list of messages")
    return [_message(item) for item in value]


def _message(item: Any) -> Message:
    if not isinstance(item, Mapping):
        raise Unread("holds something else than messages")
    named = [names for names in _KEYS if item.get(names[0]) is not None]
    if not named:
        raise Unread("has a message without a role (`role` and `content`, or `from` and `value`)")
    role, content = named[0]
    for key in _CHANGING:
        if item.get(key):
            raise Unread(f"has messages with {key!r}")
    weight = item.get("weight")
    if weight not in (None, 0, 1):
        raise Unread(f"has a message of weight {weight!r} (0 and 1 are read)")
    if item[role] not in ROLES:
        raise Unusable("other_role")
    text = item.get(content)
    if not isinstance(text, str | None):
        raise Unusable("not_text")
    return Message(ROLES[item[role]], text or "", weight != 0)


def pairs_of(
    kind: str, messages: Sequence[Message], all_turns: bool, first: int = 0
) -> list[Pair | str]:
    """Make a pair of the last answer, or one of each, with all that was said before.

    What follows the answer is not read.

    Args:
        first: index of the first message that may be an answer to learn.

    Returns:
        pairs, and in place of one that cannot be the reason.
    """
    answers = [
        i
        for i, message in enumerate(messages)
        if i >= first and message.role == "assistant" and message.learned
    ]
    if not answers:
        return ["no_answer"]
    return [_pair(kind, messages[: i + 1]) for i in (answers if all_turns else answers[-1:])]


def _pair(kind: str, messages: Sequence[Message]) -> Pair | str:
    """Make a pair of a conversation that ends in an answer, or say why not."""
    *before, answer = messages
    if not before or before[-1].role != "user":
        return "no_question"
    if not before[-1].text.strip():
        return "empty_instruction"
    if not answer.text.strip():
        return "empty_response"
    system = None
    if before[0].role == "system":
        system = before.pop(0).text.strip() or None
    earlier = tuple((message.role, message.text) for message in before[:-1])
    return Pair(kind, before[-1].text, "", answer.text, system, earlier)
