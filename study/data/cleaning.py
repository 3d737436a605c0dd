"""Turns rows into labelled sentences without gaps and duplicates, and counts what it drops.

Two texts are the same when they differ only in case and white space, and two pairs when both their
texts are. A pair of which one text is empty counts as empty. A text that occurs with two
labels is dropped in all its occurrences: which label is right cannot be known, and keeping the
first would let the order of the file decide.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from study.data.textfiles import clipped
from study.data.texts import Text, key_of, stripped
from study.entry.errors import StudyError

Label = str | int | float | bool | None
_WHOLE = re.compile(r"([+-]?(?:0|[1-9]\d{0,999}))(?:\.0*)?")  # 007 is a code, longer ones are text
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_SHOWN = 60  # characters of a label, in errors
_MOST = 3e38  # a number in fp32
Named = Callable[[Sequence[Label], str], list[str]]


@dataclass(frozen=True)
class Sentences:
    """Texts and the names of their classes, in the order of the source; or numbers, written out."""

    texts: tuple[Text, ...]
    labels: tuple[str, ...]

    def __len__(self) -> int:
        """Return the number of sentences."""
        return len(self.texts)


@dataclass(frozen=True)
class Dropped:
    """How many rows were dropped, by reason; each row counts once."""

    empty: int
    duplicate: int
    conflicting: int
    without_label: int


def clean(
    texts: Sequence[Text | None],
    labels: Sequence[Label],
    origin: str,
    named: Named | None = None,
) -> tuple[Sentences, Dropped]:
    """Drop empty texts, then those without label, conflicting ones, and all but the first of each.

    Args:
        texts, labels: of every row, None where there is none.
        origin: names the source in errors.
        named: writes labels so that equal ones are the same text; None: `label_names`.

    Raises:
        StudyError: nothing is left, or the labels are no classes.
    """
    found = {i: text for i, text in enumerate(map(stripped, texts)) if text is not None}
    written = len(found)
    found = {i: text for i, text in found.items() if has_label(labels[i])}
    full = list(found.values())
    names = (named or label_names)([labels[i] for i in found], origin)

    labels_of: dict[Hashable, set[str]] = {}
    for text, name in zip(full, names, strict=True):
        labels_of.setdefault(key_of(text), set()).add(name)
    kept: dict[Hashable, tuple[Text, str]] = {}
    conflicting = 0
    for text, name in zip(full, names, strict=True):
        key = key_of(text)
        if len(labels_of[key]) > 1:
            conflicting += 1
        else:
            kept.setdefault(key, (text, name))
    if not kept:
        raise StudyError(f"{origin}: no sentence is left of {len(texts)} rows")
    dropped = Dropped(
        empty=len(texts) - written,
        duplicate=len(full) - conflicting - len(kept),
        conflicting=conflicting,
        without_label=written - len(full),
    )
    texts_kept, labels_kept = zip(*kept.values(), strict=True)
    return Sentences(texts_kept, labels_kept), dropped


def without(sentences: Sentences, others: Sentences) -> Sentences:
    """Return the sentences whose texts are not among the others'."""
    taken = {key_of(text) for text in others.texts}
    pairs = zip(sentences.texts, sentences.labels, strict=True)
    kept = [(text, label) for text, label in pairs if key_of(text) not in taken]
    return Sentences(tuple(text for text, _ in kept), tuple(label for _, label in kept))


def has_label(label: Label) -> bool:
    """Whether a value is a label; NaN is what pandas makes of an empty cell, "nan" of that."""
    return label is not None and _text(label).casefold() not in ("", "nan")


def label_names(labels: Sequence[Label], origin: str) -> list[str]:
    """Write every label as the name of its class: 1, 1.0 and "1" are one class, "01" is another.

    Raises:
        StudyError: the labels are numbers with a fraction.
    """
    names = [_text(label) for label in labels]
    values = [number for number in map(_number, names) if number is not None]
    fractions = [name for name in names if _has_fraction(name)]
    if fractions and len(values) == len(names):
        raise StudyError(
            f"{origin}: {fractions[0][:_SHOWN]} has a fraction, so the labels are measurements; "
            "allowed: two or more classes (names or whole numbers), or with data.task: regression "
            "numbers"
        )
    return names


def numbers(labels: Sequence[Label], origin: str) -> list[str]:
    """Write every label of a regression as a number: 1, 1.0 and "1e0" are one.

    Raises:
        StudyError: one is no finite number.
    """
    written = [str(label).strip() for label in labels]
    wrong = [x for x in written if not _NUMBER.fullmatch(x) or abs(float(x)) > _MOST]
    if wrong:
        raise StudyError(
            f"{origin}: {len(wrong)} of {len(labels)} labels are no finite numbers, first "
            f"{wrong[0][:_SHOWN]!r}; allowed with data.task: regression: a finite number for every "
            "text"
        )
    return [repr(float(x) + 0.0) for x in written]  # -0.0 is 0.0


def leave_out(
    labels: Sequence[Label], unwanted: Sequence[str | int | float | bool], *, declared: bool
) -> list[int]:
    """Return the places of the rows that stay: those without an unwanted label.

    Labels are compared by the names of their classes.

    Args:
        declared: whether the source declares its classes: -1 was then read as None.
    """
    names = {_text(label) for label in unwanted}
    written = ("-1" if label is None and declared else _text(label) for label in labels)
    return [i for i, name in enumerate(written) if name not in names]


def class_names(sentences: Sentences, declared: Sequence[str] | None, origin: str) -> list[str]:
    """Return the names of the classes that occur, in the order of their indices.

    The order is the source's own where it declares one; else numbers stand by value, names by
    letter.

    Raises:
        StudyError: there is only one class.
    """
    found = set(sentences.labels)
    if len(found) < 2:
        raise StudyError(
            f"{origin}: every sentence has the label {found.pop()[:_SHOWN]!r}; allowed: two or "
            "more classes"
        )
    if declared is not None:
        return [name for name in map(_text, declared) if name in found]
    if all(_WHOLE.fullmatch(name) for name in found):
        return sorted(found, key=int)
    return sorted(found)


def indices(sentences: Sentences, classes: Sequence[str], origin: str) -> list[int]:
    """Return the class index of every sentence.

    Raises:
        StudyError: a label is none of the classes.
    """
    unseen = sorted(set(sentences.labels) - set(classes))
    if unseen:
        raise StudyError(
            f"{origin}: labels {clipped(unseen, 10)} do not occur in the training data; "
            f"allowed: {clipped(classes, 10)}"
        )
    index = {name: i for i, name in enumerate(classes)}
    return [index[label] for label in sentences.labels]


def values(sentences: Sentences, classes: Sequence[str], origin: str) -> list[int] | list[float]:
    """Return what is learned of every sentence: its class index, or without classes its number.

    Raises:
        StudyError: as `indices`.
    """
    return indices(sentences, classes, origin) if classes else [float(x) for x in sentences.labels]


def _text(label: Label) -> str:
    text = str(label).strip()
    whole = _WHOLE.fullmatch(text)
    return str(int(whole[1])) if whole else text


def _has_fraction(name: str) -> bool:
    number = _number(name)
    return number is not None and math.isfinite(number) and not number.is_integer()


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
