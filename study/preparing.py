"""From the settings' source to tokenised splits: read, clean, split, tokenise, report."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from study.cleaning import Dropped, Sentences, class_names, clean, indices, without
from study.errors import StudyError
from study.prepared import Prepared, Split
from study.reading import Query, read
from study.settings import DataSettings
from study.splitting import stretches
from study.tokenising import Tokenizer, Tokens


@dataclass(frozen=True)
class Source:
    """A cleaned source, and what cleaning dropped.

    Attributes:
        rows: read, after data.where and before cleaning.
        classes: that the source declares, in its order; None if it declares none.
    """

    display_name: str
    rows: int
    classes: tuple[str, ...] | None
    sentences: Sentences
    dropped: Dropped


@dataclass(frozen=True)
class Part:
    """The sentences of one split."""

    texts: tuple[str, ...]
    labels: tuple[int, ...]


def prepare(data: DataSettings, model_name: str) -> tuple[Prepared, dict[str, Any]]:
    """Read, clean, split and tokenise the data.

    With a `test_name`, no training or validation text occurs anywhere in that source, whether or
    not all of it is tested on.

    Returns:
        the data to train on, and the report on it (metrics/data.json).

    Raises:
        StudyError: the source or a setting is no good; see `study.reading`, `study.cleaning`,
            `study.splitting` and `study.tokenising`.
    """
    tokenizer = Tokenizer(model_name, data.max_length)  # first: it fails fast
    main = _source(_main_query(data))
    tests = None if data.test_name is None else _source(_test_query(data, data.test_name))
    classes = class_names(main.sentences, main.classes, f"data.label: {data.name}")
    pool = main.sentences
    if tests is not None:
        pool = without(pool, tests.sentences)
    parts = _split(data, pool, tests, classes)
    _check_classes(parts, classes)

    tokens = {name: tokenizer.encode(part.texts) for name, part in parts.items()}
    splits = {
        name: Split(t.input_ids, t.lengths, torch.tensor(parts[name].labels))
        for name, t in tokens.items()
    }
    prepared = Prepared(
        **splits,
        label_names=tuple(classes),
        model_name=tokenizer.display_name,
        max_length=data.max_length,
        pad_token_id=tokenizer.pad_token_id,
    )
    sources = {"main": _source_report(main, len(main.sentences) - len(pool))}
    if tests is not None:
        sources["test"] = _source_report(tests, 0)
    report = {
        "model": tokenizer.display_name,
        "classes": len(classes),
        "token_ids_in_use": len(torch.cat([t.input_ids for t in tokens.values()]).unique()),
        "sources": sources,
        "splits": {name: _split_report(parts[name], tokens[name], classes) for name in parts},
    }
    return prepared, report


def _main_query(data: DataSettings) -> Query:
    return Query(
        name=data.name,
        subset=data.subset,
        split=data.split,
        text=data.text,
        label=data.label,
        where=data.where or (),
        prefix="data.",
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
    )


def _source(query: Query) -> Source:
    rows = read(query)
    sentences, dropped = clean(rows.texts, rows.labels, f"{query.prefix}label: {query.name}")
    return Source(rows.display_name, len(rows.texts), rows.classes, sentences, dropped)


def _split(
    data: DataSettings, pool: Sentences, tests: Source | None, classes: Sequence[str]
) -> dict[str, Part]:
    """Draw test first, then validation, then train (see `study.splitting`)."""
    labels = indices(pool, classes, f"data.label: {data.name}")
    test_size = ("data.test_size", data.test_size)
    sizes = [("data.validation_size", data.validation_size), ("data.train_size", data.train_size)]
    if tests is None:
        chosen = stretches(labels, [test_size, *sizes], data.seed, data.name)
        test, validation, train = (_part(pool, labels, i) for i in chosen)
    else:
        chosen = stretches(labels, sizes, data.seed, data.name)
        validation, train = (_part(pool, labels, i) for i in chosen)
        name = str(data.test_name)
        labels = indices(tests.sentences, classes, f"data.test_label: {name}")
        (all_asked,) = stretches(labels, [test_size], data.seed, name)
        test = _part(tests.sentences, labels, all_asked)
    return {"train": train, "validation": validation, "test": test}


def _part(sentences: Sentences, labels: Sequence[int], chosen: NDArray[np.int64]) -> Part:
    return Part(tuple(sentences.texts[i] for i in chosen), tuple(labels[i] for i in chosen))


def _check_classes(parts: dict[str, Part], classes: Sequence[str]) -> None:
    """Refuse splits that cannot be learned from or measured on."""
    missing = sorted(set(range(len(classes))) - set(parts["train"].labels))
    if missing:
        raise StudyError(
            f"data.train_size: {len(parts['train'].labels)} sentences hold none of the class "
            f"{classes[missing[0]]!r}; allowed: some of each of the {len(classes)} classes"
        )
    for name in ("validation", "test"):
        if len(set(parts[name].labels)) < 2:
            raise StudyError(
                f"data.{name}_size: {len(parts[name].labels)} sentences hold only the class "
                f"{classes[parts[name].labels[0]]!r}; allowed: sentences of at least two classes"
            )


def _source_report(source: Source, in_test: int) -> dict[str, Any]:
    dropped = dataclasses.asdict(source.dropped) | {"in_test": in_test}
    return {
        "name": source.display_name,
        "rows": source.rows,
        "dropped": dropped,
        "sentences": len(source.sentences) - in_test,
    }


def _split_report(part: Part, tokens: Tokens, classes: Sequence[str]) -> dict[str, Any]:
    """Report sizes, class balance, and lengths in tokens before long texts were cut."""
    n = len(part.labels)
    lengths = sorted(tokens.full_lengths.tolist())
    counts = [part.labels.count(c) for c in range(len(classes))]
    return {
        "sentences": n,
        "class_counts": dict(zip(classes, counts, strict=True)),
        "class_shares": {name: count / n for name, count in zip(classes, counts, strict=True)},
        "length_mean": sum(lengths) / n,
        **{f"length_p{p:02}": lengths[(n - 1) * p // 100] for p in (5, 25, 50, 75, 95, 99)},
        "length_max": lengths[-1],
        "tokens": int(tokens.lengths.sum()),
        "truncated_share": sum(map(int, tokens.full_lengths > tokens.lengths)) / n,
    }
