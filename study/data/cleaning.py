"""Turns rows into labelled sentences without empty texts and duplicates, and counts what it drops.

Two texts are the same when they differ only in case and white space, and two pairs when both their
texts are. A pair of which one text is empty counts as empty. A text that occurs with two
labels is dropped in all its occurrences: which label is right cannot be known, and keeping the
first would let the order of the file decide.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from study.data.texts import Text, key_of, shown, stripped
from study.entry.errors import StudyError

Label = str | int | float | bool | None
_WHOLE = re.compile(r"([+-]?\d+)(?:\.0*)?")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_MOST = 3e38  # a number in fp32
Named = Callable[[Sequence[Label], Sequence[Text], str], list[str]]


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


def clean(
    texts: Sequence[Text | None],
    labels: Sequence[Label],
    origin: str,
    named: Named | None = None,
) -> tuple[Sentences, Dropped]:
    """Drop empty texts, then conflicting ones, then all but the first of each.

    Args:
        texts, labels: of every row, None where there is none.
        origin: names the source in errors.
        named: writes labels so that equal ones are the same text; None: `label_names`.

    Raises:
        StudyError: nothing is left, a text has no label, or the labels are no classes.
    """
    found = {i: text for i, text in enumerate(map(stripped, texts)) if text is not None}
    full = list(found.values())
    names = (named or label_names)([labels[i] for i in found], full, origin)

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
        empty=len(texts) - len(full),
        duplicate=len(full) - conflicting - len(kept),
        conflicting=conflicting,
    )
    texts_kept, labels_kept = zip(*kept.values(), strict=True)
    return Sentences(texts_kept, labels_kept), dropped


def without(sentences: Sentences, others: Sentences) -> Sentences:
    """Return the sentences whose texts are not among the others'."""
    taken = {key_of(text) for text in others.texts}
    pairs = zip(sentences.texts, sentences.labels, strict=True)
    kept = [(text, label) for text, label in pairs if key_of(text) not in taken]
    return Sentences(tuple(text for text, _ in kept), tuple(label for _, label in kept))


def label_names(labels: Sequence[Label], texts: Sequence[Text], origin: str) -> list[str]:
    """Write every label as the name of its class: 1, 1.0 and "1" are one class.

    Raises:
        StudyError: a text has no label, or the labels are numbers with a fraction.
    """
    _refuse_missing(labels, texts, origin)
    names = [_text(label) for label in labels]
    fractions = [name for name in names if _is_number(name) and not _WHOLE.fullmatch(name)]
    if fractions and all(map(_is_number, names)):
        raise StudyError(
            f"{origin}: {fractions[0]} has a fraction, so the labels are measurements; allowed: "
            "two or more classes (names or whole numbers), or with data.task: regression numbers"
        )
    return names


def numbers(labels: Sequence[Label], texts: Sequence[Text], origin: str) -> list[str]:
    """Write every label of a regression as a number: 1, 1.0 and "1e0" are one.

    Raises:
        StudyError: a text has no label, or one that is no finite number.
    """
    _refuse_missing(labels, texts, origin)
    written = [str(label).strip() for label in labels]
    wrong = [i for i, x in enumerate(written) if not _NUMBER.fullmatch(x) or abs(float(x)) > _MOST]
    if wrong:
        raise StudyError(
            f"{origin}: {len(wrong)} of {len(labels)} labels are no finite numbers, first "
            f"{written[wrong[0]]!r} of {shown(texts[wrong[0]])}; allowed with data.task: "
            "regression: a finite number for every text"
        )
    return [repr(float(x) + 0.0) for x in written]  # -0.0 is 0.0


def _refuse_missing(labels: Sequence[Label], texts: Sequence[Text], origin: str) -> None:
    missing = [i for i, label in enumerate(labels) if label is None or _text(label) in ("", "nan")]
    if missing:
        raise StudyError(
            f"{origin}: {len(missing)} of {len(labels)} texts have no label, first "
            f"{shown(texts[missing[0]])}; allowed: a label for every text"
        )


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


def refuse_no_label(labels: Sequence[str], origin: str) -> None:
    """Refuse a class -1 beside 0 and other classes: many data sets write so that there is no label.

    -1 beside 1 alone, or beside 0 alone, is one of two classes.

    Args:
        labels: names of classes, see `label_names`.

    Raises:
        StudyError: saying how to leave such rows out, and how to keep them.
    """
    others = set(labels) - {"-1"}
    if len(others) == len(set(labels)) or len(others) < 2 or "0" not in others:
        return
    if all(_WHOLE.fullmatch(name) and int(name) >= 0 for name in others):
        raise StudyError(
            f"{origin}: {list(labels).count('-1')} texts have the label -1 beside labels from 0 "
            "up, which in many data sets says that there is none. To leave them out: dvc exp run "
            "-S 'data.drop_labels=[-1]'; to train it as a class: -S 'data.drop_labels=[]'"
        )


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
            f"{origin}: every sentence has the label {found.pop()!r}; allowed: two or more classes"
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
            f"{origin}: labels {', '.join(unseen[:10])} do not occur in the training data; "
            f"allowed: {', '.join(classes[:10])}"
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


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
