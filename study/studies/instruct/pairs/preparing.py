"""From the settings' source to tokenised pairs: read, split, tokenise, report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from study.data.sizes import Asked, Sizes, fitting
from study.data.splitting import Stretch, TooFew, stretches
from study.entry.errors import StudyError
from study.records.prepared import Prepared
from study.studies.instruct.pairs.pairs import Pairs, read_pairs
from study.studies.instruct.pairs.templates import Pair
from study.studies.instruct.pairs.tokenising import Encoded, PairTokenizer
from study.studies.instruct.settings.pairs import PairSettings

_ASKED = Asked(file="instruct/params.yaml:", command="dvc exp run instruct/dvc.yaml")


def prepare(data: PairSettings, model_name: str) -> tuple[Prepared, dict[str, Any]]:
    """Read, split and tokenise the pairs.

    Returns:
        the data to train on, whose labels are numbers of response tokens, and the report on it.

    Raises:
        StudyError: the source or a setting is no good; see `study.studies.instruct.pairs.pairs`,
            `study.data.splitting` and `study.studies.instruct.pairs.tokenising`.
    """
    if data.test_size < 2:
        raise StudyError(
            f"data.test_size: {data.test_size}; allowed: 2 or more, since intervals are over pairs"
        )
    tokenizer = PairTokenizer(model_name, data.max_length, data.system)  # first: it fails fast
    source = read_pairs(data)
    try:
        found = _cut(source, data)
    except TooFew as error:
        raise StudyError(_too_few(source, data)) from error
    parts = dict(zip(("test", "validation", "train"), found, strict=True))
    pairs = {name: [source.pairs[i] for i in part.chosen] for name, part in parts.items()}
    encoded = {name: tokenizer.encode(some) for name, some in pairs.items()}
    splits: dict[str, Any] = {name: part.split for name, part in encoded.items()}
    prepared = Prepared(
        **splits,
        label_names=(),
        model_name=tokenizer.display_name,
        max_length=data.max_length,
        pad_token_id=tokenizer.pad_token_id,
    )
    report = {
        "model": tokenizer.display_name,
        "source": _source_report(source, data.form),
        "system": data.system,
        "max_length": data.max_length,
        "relatives_set_aside": {name: parts[name].relatives for name in ("test", "validation")},
        "splits": {
            name: _split_report(pairs[name], encoded[name])
            for name in ("train", "validation", "test")
        },
    }
    return prepared, report


def _cut(source: Pairs, data: PairSettings) -> list[Stretch]:
    """Cut test, validation and train off the pairs, in this order (see `study.data.splitting`)."""
    sizes = [
        ("data.test_size", data.test_size),
        ("data.validation_size", data.validation_size),
        ("data.train_size", data.train_size),
    ]
    return stretches(source.groups, source.families, sizes, data.seed, data.name, "pairs")


def _too_few(source: Pairs, data: PairSettings) -> str:
    """Say all sizes that fit, and where the other rows are."""
    sizes: dict[str, int | None] = {
        "train_size": data.train_size,
        "validation_size": data.validation_size,
        "test_size": data.test_size,
    }

    def attempt(tried: Sizes) -> list[Stretch] | None:
        changes: dict[str, Any] = dict(tried)
        try:
            return _cut(source, replace(data, **changes))
        except TooFew:
            return None

    found = fitting(sizes, lambda tried: attempt(tried) is not None, list(sizes))
    cut = None if found is None or (found["test_size"] or 0) < 2 else attempt(found)
    relatives = 0 if cut is None else sum(stretch.relatives for stretch in cut[:2])
    aside = {
        "are left out": sum(source.dropped.values()),
        "near-duplicates of test or validation pairs are set aside": relatives,
    }
    left = f"{len(source.pairs) - relatives} pairs"
    rows = f"{data.name} has {source.rows} rows"
    return _ASKED.refusal(sizes, None if cut is None else found, rows, aside, left)


def _source_report(source: Pairs, form: str) -> dict[str, Any]:
    return {
        "name": source.source,
        "form": form,
        "rows": source.rows,
        "dropped": source.dropped,
        "pairs": len(source.pairs),
    }


def _split_report(pairs: Sequence[Pair], encoded: Encoded) -> dict[str, Any]:
    lengths = sorted(encoded.split.lengths.tolist())
    tokens, answered = sum(lengths), int(encoded.split.labels.sum())
    return {
        "pairs": len(pairs),
        "kinds": dict(sorted(Counter(pair.kind for pair in pairs).items())),
        "tokens": tokens,
        "squared_lengths": sum(n * n for n in lengths),
        "response_tokens": answered,
        "length_mean": tokens / len(pairs),
        "response_length_mean": answered / len(pairs),
        "length_max": lengths[-1],
        "responses_cut": encoded.cut,
    }
