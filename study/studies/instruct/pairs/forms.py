"""The forms in which files hold pairs: the columns that tell each, and what a row of it says.

A column that would change a conversation is used, or refused by its name, never left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from study.data.reading import Columns
from study.entry.errors import StudyError
from study.studies.instruct.pairs.conversations import (
    Message,
    Unread,
    Unusable,
    messages_of,
    pairs_of,
)
from study.studies.instruct.pairs.templates import Pair

Row: TypeAlias = Mapping[str, Any]
Found: TypeAlias = list[Pair | str]
"""The pairs of a row; in place of one that cannot be made, the reason."""

AUTO = "auto"


@dataclass(frozen=True, kw_only=True)
class Form:
    """A form of files.

    Attributes:
        needed: columns that tell it; more: others that are read where they are there.
        lists: those of them that may hold lists, of messages or turns; all others hold text.
        asked: those of them that say what is asked, if they are text.
        read: makes a row's pairs (kind of pair, row, whether of every answer).
    """

    needed: tuple[str, ...]
    more: tuple[str, ...] = ("system",)
    lists: tuple[str, ...]
    asked: tuple[str, ...] = ()
    read: Callable[[str, Row, bool], Found]

    @property
    def columns(self) -> tuple[str, ...]:
        """All that are read."""
        return (*self.needed, *self.more)


def _single(names: tuple[str, str, str], kind: str, row: Row, all_turns: bool) -> Found:
    """Read one instruction, what it is about, and its response, after earlier turns if any."""
    instruction, about, response = (_stripped(row, name) for name in names)
    system = _stripped(row, "system")
    earlier = list(_turns(row.get("history")))
    found: Found = []
    if all_turns and earlier:
        start = [Message("system", system)] if system else []
        found += pairs_of(kind, [*start, *earlier], all_turns)
    if not instruction:
        return [*found, "empty_instruction"]
    if not response:
        return [*found, "empty_response"]
    before = tuple((message.role, message.text) for message in earlier)
    return [*found, Pair(kind, instruction, about, response, system or None, before)]


def _chat(column: str, kind: str, row: Row, all_turns: bool) -> Found:
    return pairs_of(kind, _with_system(row, messages_of(row[column])), all_turns)


def _prompt_completion(kind: str, row: Row, all_turns: bool) -> Found:
    """Read TRL's form: texts, or lists of messages; answers to learn are in the completion."""
    prompt = _with_system(row, _side(row["prompt"], "user"))
    return pairs_of(
        kind, [*prompt, *_side(row["completion"], "assistant")], all_turns, first=len(prompt)
    )


FORMS = {
    "alpaca": Form(
        needed=("instruction", "output"),
        more=("input", "system", "history"),
        lists=("history",),
        asked=("instruction", "input"),
        read=partial(_single, ("instruction", "input", "output")),
    ),
    "dolly": Form(
        needed=("instruction", "response"),
        more=("context", "system", "history"),
        lists=("history",),
        asked=("instruction", "context"),
        read=partial(_single, ("instruction", "context", "response")),
    ),
    "messages": Form(needed=("messages",), lists=("messages",), read=partial(_chat, "messages")),
    "conversations": Form(
        needed=("conversations",), lists=("conversations",), read=partial(_chat, "conversations")
    ),
    "prompt_completion": Form(
        needed=("prompt", "completion"), lists=("prompt", "completion"), read=_prompt_completion
    ),
}
_OTHERS = (
    *("conversation", "system_prompt", "tools", "functions", "documents", "chat_template_kwargs"),
    *("image", "images", "audio", "audios", "video", "videos"),
)
COLUMNS = tuple(dict.fromkeys([*(c for form in FORMS.values() for c in form.columns), *_OTHERS]))
"""Those that say or change what is said, in one of the forms or in none: a reader needs all."""


def form_of(name: str, columns: Columns, source: str) -> str:
    """Return the form that a setting names, or the one that the columns tell.

    Raises:
        StudyError: the named form's columns are not there, or they tell no form or several.
    """
    there = columns.kinds
    if name != AUTO:
        needed = FORMS[name].needed
        for column in needed:
            if column not in there:
                raise StudyError(
                    f"data.name: {source} has no column {column!r}, only {', '.join(there)}; "
                    f"allowed with data.form: {name}: columns {', '.join(needed)}"
                )
        return name
    told = [form for form, what in FORMS.items() if set(what.needed) <= set(there)]
    if len(told) == 1:
        return told[0]
    known = "; ".join(f"{form}: {', '.join(what.needed)}" for form, what in FORMS.items())
    if told:
        raise StudyError(
            f"data.form: auto, but {source} has the columns of {' and '.join(told)}; allowed: "
            "one of them by its name"
        )
    raise StudyError(
        f"data.form: auto, but {source} has columns {', '.join(there)}; allowed: columns of a form "
        f"({known}), or data.form: reviews with the columns data.text and data.label"
    )


def read_rows(form: str, columns: Columns, all_turns: bool, source: str) -> Iterator[Found]:
    """Make the pairs of every row.

    Raises:
        StudyError: a column holds something else than its form says, or something that would
            change the conversation is not read; it is named.
    """
    what = FORMS[form]
    _check_kinds(what, columns, source)
    unread = [name for name in COLUMNS if name in columns.values and name not in what.columns]
    for number in range(columns.rows):
        row = {
            name: columns.values[name][number] for name in what.columns if name in columns.values
        }
        others = {name: columns.values[name][number] for name in unread}
        try:
            _refuse_untold(row, others, what.asked)
            yield what.read(form, row, all_turns)
        except Unusable as error:
            yield [str(error)]
        except Unread as error:
            raise StudyError(
                f"data.name: {source}, row {number + 1}: {error}, which would change the "
                f"conversation and is not read with data.form: {form}; allowed: a file without it"
            ) from None


def _check_kinds(form: Form, columns: Columns, source: str) -> None:
    for name in form.columns:
        kind = columns.kinds.get(name, "null")
        if kind in ("string", "large_string", "null"):
            if name not in form.lists or name in ("prompt", "completion") or kind == "null":
                continue
            if not any(columns.values[name]):  # a CSV file's empty column
                continue
        elif name in form.lists and kind.lower() in ("list", "largelist", "large_list", "sequence"):
            continue
        allowed = "text" if name not in form.lists else "a list"
        if name in ("messages", "conversations"):
            allowed = "a list of messages, each of a role and its content"
        raise StudyError(f"data.name: column {name!r} of {source} holds {kind}; allowed: {allowed}")


def _refuse_untold(row: Row, others: Row, asked: Sequence[str]) -> None:
    """Refuse a column that is not read, unless what it holds is said by those that are."""
    full = {name: value for name, value in others.items() if not _empty(value)}
    if not full:
        return
    said = [text for value in row.values() for text in _texts(value)]
    questions = [text for name in asked for text in _texts(row.get(name))]
    for name, value in full.items():
        if isinstance(value, str):
            text = value.strip()
            # A first question beside its conversation; or question and answer written out as one.
            if any(text in other for other in said):
                continue
            if questions and all(question in text for question in questions):
                continue
        hint = " (rename it to 'system')" if name == "system_prompt" else ""
        raise Unread(f"has something in column {name!r}{hint}")


def _empty(value: Any) -> bool:
    return not value or (isinstance(value, str) and value.strip() in ("", "[]", "{}", "null"))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if value.strip():
            yield value.strip()
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, Sequence):
        for item in value:
            yield from _texts(item)


def _stripped(row: Row, name: str) -> str:
    return (row.get(name) or "").strip()


def _side(value: Any, role: str) -> list[Message]:
    if isinstance(value, str):
        return [Message(role, value.strip())]
    return messages_of(value)


def _with_system(row: Row, messages: list[Message]) -> list[Message]:
    system = _stripped(row, "system")
    if not system:
        return messages
    own = messages[0].text.strip() if messages and messages[0].role == "system" else ""
    if own and own != system:
        raise Unread("has another system message in column 'system' than in its messages")
    return [Message("system", system), *(messages[1:] if own else messages)]


def _turns(history: Any) -> Iterator[Message]:
    """Read earlier turns: lists of what the user said and what was answered."""
    for turn in history or []:
        if not isinstance(turn, Sequence) or isinstance(turn, str) or len(turn) != 2:
            raise Unread("has a 'history' that is no list of [user, assistant]")
        for role, text in zip(("user", "assistant"), turn, strict=True):
            if not isinstance(text, str | None):
                raise Unusable("not_text")
            yield Message(role, text or "")
