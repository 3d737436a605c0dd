"""From the settings' source to tokenised splits: read, clean, split, tokenise, report."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch

from study.data.cleaning import Label, Sentences, class_names, numbers, values, without
from study.data.labels import refuse_no_label, refuse_rare, way_out
from study.data.reading import Query
from study.data.sizes import STUDY, Asked, Sizes, fitting
from study.data.source import read_source, source_report
from study.data.splitting import Indices, Stretch, TooFew, stretches
from study.data.texts import Text, row_families
from study.data.tokenising import Tokenizer, Tokens
from study.entry.errors import StudyError
from study.records.prepared import Prepared, Split
from study.settings.data import DataSettings, Halves


@dataclass(frozen=True)
class Part:
    """The sentences of one split.

    Attributes:
        relatives: sentences of the same source that were set aside because they quote, or are
            quoted by, one of these.
    """

    texts: tuple[Text, ...]
    labels: tuple[int, ...] | tuple[float, ...]
    relatives: int


_ASIDE: dict[Halves, str] = {
    "apart": "share a text with a test or validation pair, or with its relatives, and are set "
    "aside",
    "may_repeat": "have both texts in common with a test or validation pair, or nearly, and are "
    "set aside",
}
_Cut = Callable[[DataSettings], dict[str, Part]]


def prepare(
    data: DataSettings, model_name: str, asked: Asked = STUDY
) -> tuple[Prepared, dict[str, Any]]:
    """Read, clean, split and tokenise the data.

    With a `test_name`, no training or validation text occurs anywhere in that source or is of one
    family with a text there, whether or not all of it is tested on.

    Args:
        asked: where the sizes stand, for errors.

    Returns:
        the data to train on, and the report on it (metrics/data.json).

    Raises:
        StudyError: the source or a setting is no good; see `study.data.reading`,
            `study.data.cleaning`, `study.data.splitting` and `study.data.tokenising`.
    """
    pairs = isinstance(data.text, tuple)
    may_repeat = data.pair_halves == "may_repeat"
    tokenizer = Tokenizer(model_name, data.max_length, pairs=pairs)  # first: it fails fast
    unwanted, regression = data.drop_labels or (), data.task == "regression"
    named = numbers if regression else None
    left_out = unwanted if asked == STUDY else None
    share, of_share = data.max_dropped_share, replace(asked, prefix="data.", file="")
    main = read_source(
        replace(Query.of(data, "data."), drop_labels=unwanted), share, of_share, named
    )
    tests = None
    if data.test_name is not None:
        tests = read_source(_test_query(data, data.test_name), share, of_share, named)
    if data.drop_labels is None and not regression:
        for source, key in ((main, "label"), (tests, "test_label")):
            if source is not None and source.classes is None:
                refuse_no_label(source.sentences.labels, f"data.{key}: {source.display_name}")
    classes: list[str] = []  # of a regression
    if not regression:
        classes = class_names(main.sentences, main.classes, f"data.label: {data.name}")
    cut: _Cut
    if tests is None:
        if not regression:
            refuse_rare(main.sentences.labels, 3, f"data.label: {data.name}", left_out)
        family = row_families(main.sentences.texts, may_repeat)
        cut = partial(_split_one, sentences=main.sentences, family=family, classes=classes)
        sources = {"main": source_report(main)}
    else:
        pool = without(main.sentences, tests.sentences)
        if not regression:
            refuse_rare(pool.labels, 2, f"data.label: {data.name}", left_out)
        family = row_families((*tests.sentences.texts, *pool.texts), may_repeat)
        cut = partial(_split_two, pool=pool, tests=tests.sentences, family=family, classes=classes)
        in_test = len(main.sentences) - len(pool)
        sources = {"main": source_report(main, in_test), "test": source_report(tests)}
    try:
        parts = cut(data)
    except TooFew as error:
        raise StudyError(_too_few(data, cut, classes, sources, asked, family)) from error
    _check_classes(parts, classes, left_out)

    tokens = {name: tokenizer.encode(part.texts) for name, part in parts.items()}
    splits: dict[str, Any] = {
        # Labels are int64, or fp32.
        name: Split(t.input_ids, t.lengths, torch.tensor(parts[name].labels), t.token_types)
        for name, t in tokens.items()
    }
    prepared = Prepared(
        **splits,
        label_names=tuple(classes),
        model_name=tokenizer.display_name,
        max_length=data.max_length,
        pad_token_id=tokenizer.pad_token_id,
        task="regression" if regression else "classification",
    )
    report = {
        "model": tokenizer.display_name,
        **({"task": data.task} if regression else {"classes": len(classes)}),
        "token_ids_in_use": len(torch.cat([t.input_ids for t in tokens.values()]).unique()),
        "sources": sources,
        "relatives_set_aside": {name: parts[name].relatives for name in ("test", "validation")},
        "splits": {name: _split_report(parts[name], tokens[name], classes) for name in parts},
    }
    if pairs:
        report["pairs_of"] = list(data.text)
        report["pair_halves"] = data.pair_halves
    return prepared, report


def _too_few(
    data: DataSettings,
    cut: _Cut,
    classes: Sequence[str],
    sources: dict[str, dict[str, Any]],
    asked: Asked,
    family: Indices,
) -> str:
    """Say all sizes that fit, and where the other rows are."""
    main, tests = sources["main"], sources.get("test")
    sizes: dict[str, int | None] = {
        "train_size": data.train_size,
        "validation_size": data.validation_size,
        "test_size": data.test_size,
    }
    start, movable = sizes, list(sizes)
    if tests is not None:  # whatever is tested on, the others are none of its source
        movable.remove("test_size")
        if data.test_size is not None:
            start = sizes | {"test_size": min(data.test_size, tests["sentences"])}

    def attempt(tried: Sizes) -> dict[str, Part] | None:
        changes: dict[str, Any] = dict(tried)
        try:
            return cut(dataclasses.replace(data, **changes))
        except TooFew:
            return None

    found = fitting(start, lambda tried: attempt(tried) is not None, movable)
    parts = None if found is None else attempt(found)
    if parts is not None:
        try:
            _check_classes(parts, classes, None)
        except StudyError:
            found = parts = None
    kept = main["sentences"]
    pairs = isinstance(data.text, tuple)
    related = (
        _ASIDE[data.pair_halves]
        if pairs
        else "near-duplicates of test or validation sentences are set aside"
    )
    aside = {
        "have a label of data.drop_labels": main["dropped"]["unwanted_label"],
        "have no label": main["dropped"]["without_label"],
        "empty, double and contradictory ones are left out": sum(
            main["dropped"][why] for why in ("empty", "duplicate", "conflicting")
        ),
        "are in the test source": main["dropped"]["in_test"],
    }
    if parts is not None:
        relatives = parts["test"].relatives + parts["validation"].relatives
        aside[related] = relatives
        kept -= relatives
    left = f"{kept} sentences"
    if tests is not None:
        left += f", beside {tests['sentences']} to test on in {data.test_name},"
    said = asked.refusal(sizes, found, f"{data.name} has {main['rows']} rows", aside, left)
    return f"{said}\n  {_largest(family, data.pair_halves)}" if pairs else said


def _largest(family: Indices, halves: Halves) -> str:
    """Say how many pairs the largest group has: it goes into one split, whatever the sizes."""
    most = f"of {len(family):,} pairs {int(np.bincount(family).max()):,} belong together: each"
    if halves == "may_repeat":
        return f"{most} has both texts in common with another one of them, or nearly"
    return (
        f"{most} shares a text with another one of them, or nearly, and no text may stand in two "
        "splits (data.pair_halves: apart). If many pairs have one text by their nature, as one "
        "hypothesis for all: data.pair_halves=may_repeat"
    )


def _test_query(data: DataSettings, name: str) -> Query:
    """Ask for test sentences; of another source neither data.subset nor data.where is asked."""
    same = name == data.name
    return Query(
        name=name,
        subset=data.subset if same else None,
        split=data.test_split or data.split,
        text=data.test_text or data.text,
        label=data.test_label or data.label,
        where=(data.where or ()) if same else (),
        prefix="data.test_",
        drop_labels=data.drop_labels or (),
    )


def _split_one(
    data: DataSettings, sentences: Sentences, family: Indices, classes: Sequence[str]
) -> dict[str, Part]:
    """Cut test, validation and train off one source, in this order (see `study.data.splitting`)."""
    sizes = [
        ("data.test_size", data.test_size),
        ("data.validation_size", data.validation_size),
        ("data.train_size", data.train_size),
    ]
    labels = values(sentences, classes, f"data.label: {data.name}")
    found = stretches(_strata(labels, classes), family, sizes, data.seed, data.name)
    test, validation, train = (_part(sentences, labels, stretch) for stretch in found)
    return {"train": train, "validation": validation, "test": test}


def _split_two(
    data: DataSettings,
    pool: Sentences,
    tests: Sentences,
    family: Indices,
    classes: Sequence[str],
) -> dict[str, Part]:
    """Take test from its own source, then validation and train from what is no relative of it.

    Args:
        family: of every test sentence, then of every one of the pool.
    """
    name = str(data.test_name)
    of_tests, of_pool = family[: len(tests)], family[len(tests) :]
    test_labels = values(tests, classes, f"data.test_label: {name}")
    test_size = ("data.test_size", data.test_size)
    (test,) = stretches(_strata(test_labels, classes), of_tests, [test_size], data.seed, name)

    apart = np.flatnonzero(~np.isin(of_pool, of_tests))
    if not len(apart):
        raise StudyError(f"data.test_name: {name} holds every sentence of {data.name}")
    relatives = len(pool) - len(apart)
    pool = Sentences(tuple(pool.texts[i] for i in apart), tuple(pool.labels[i] for i in apart))
    labels = values(pool, classes, f"data.label: {data.name}")
    sizes = [("data.validation_size", data.validation_size), ("data.train_size", data.train_size)]
    strata = _strata(labels, classes)
    found = stretches(strata, of_pool[apart], sizes, data.seed, data.name)
    validation, train = (_part(pool, labels, stretch) for stretch in found)
    return {
        "train": train,
        "validation": validation,
        "test": _part(tests, test_labels, Stretch(test.chosen, relatives)),
    }


def _strata(labels: Sequence[int] | Sequence[float], classes: Sequence[str]) -> list[int]:
    """Return what a split keeps the shares of: classes; of numbers nothing, they are all one."""
    return [int(label) for label in labels] if classes else [0] * len(labels)


def _part(sentences: Sentences, labels: Sequence[Any], stretch: Stretch) -> Part:
    texts = tuple(sentences.texts[i] for i in stretch.chosen)
    return Part(texts, tuple(labels[i] for i in stretch.chosen), stretch.relatives)


def _check_classes(
    parts: dict[str, Part], classes: Sequence[str], left_out: Sequence[Label] | None
) -> None:
    """Refuse splits that cannot be learned from or measured on.

    Args:
        left_out: data.drop_labels; None where it does not reach these labels.
    """
    if not classes:
        for name, part in parts.items():
            if len(set(part.labels)) < 2:
                raise StudyError(
                    f"data.{name}_size: all {len(part.labels)} sentences have the label "
                    f"{part.labels[0]:g}; allowed: sentences of at least two different numbers"
                )
        return
    missing = sorted(set(range(len(classes))) - set(parts["train"].labels))
    if missing:
        way = way_out([classes[i] for i in missing], left_out)
        raise StudyError(
            f"data.train_size: {len(parts['train'].labels)} sentences hold none of the class "
            f"{classes[missing[0]][:60]!r}; allowed: some of each of the {len(classes)} "
            f"classes{way}"
        )
    for name in ("validation", "test"):
        if len(set(parts[name].labels)) < 2:
            raise StudyError(
                f"data.{name}_size: {len(parts[name].labels)} sentences hold only the class "
                f"{classes[int(parts[name].labels[0])][:60]!r}; allowed: sentences of at least two "
                "classes"
            )


def _split_report(part: Part, tokens: Tokens, classes: Sequence[str]) -> dict[str, Any]:
    """Report sizes, class balance, and lengths in tokens before long texts were cut.

    Of a regression the labels' mean, standard deviation, and ends in place of the balance.
    """
    n = len(part.labels)
    lengths = sorted(tokens.full_lengths.tolist())
    labels: list[Any] = list(part.labels)
    balance: dict[str, Any] = {
        "label_mean": float(np.mean(labels)),
        "label_deviation": float(np.std(labels)),
        "label_least": min(labels),
        "label_most": max(labels),
    }
    if classes:
        counts = [labels.count(c) for c in range(len(classes))]
        balance = {
            "class_counts": dict(zip(classes, counts, strict=True)),
            "class_shares": {name: count / n for name, count in zip(classes, counts, strict=True)},
        }
    return {
        "sentences": n,
        **balance,
        "length_mean": sum(lengths) / n,
        **{f"length_p{p:02}": lengths[(n - 1) * p // 100] for p in (5, 25, 50, 75, 95, 99)},
        "length_max": lengths[-1],
        "tokens": int(tokens.lengths.sum()),
        "truncated_share": sum(map(int, tokens.full_lengths > tokens.lengths)) / n,
    }
