"""From the settings' source to tokenised pairs: read, split, tokenise, report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from study.data.sizes import Sizes, fitting
from study.data.splitting import Stretch, TooFew, stretches
from study.entry.errors import StudyError
from study.records.prepared import Prepared
from study.studies.instruct.pairs.pairs import ASKED, Pairs, read_pairs
from study.studies.instruct.pairs.templates import Pair
from study.studies.instruct.pairs.tokenising import Encoded, PairTokenizer, Tokens, Unfit
from study.studies.instruct.settings.pairs import PairSettings

_WORDS = {
    "empty_instruction": "an empty instruction",
    "empty_response": "an empty response",
    "long_prompt": "a prompt that leaves no room for a response in data.max_length",
    "no_answer": "no answer",
    "no_question": "an answer to no question",
    "not_text": "a message that is no text",
    "other_role": "a message of another role than system, user and assistant",
    "refused_by_template": "messages that the model's chat template refuses",
}


def prepare(data: PairSettings, model_name: str) -> tuple[Prepared, dict[str, Any]]:
    """Read, split and tokenise the pairs.

    Returns:
        the data to train on, whose labels are numbers of response tokens, and the report on it.

    Raises:
        StudyError: the source or a setting is no good, or too many pairs cannot be used; see
            `study.studies.instruct.pairs.pairs`, `study.data.splitting` and
            `study.studies.instruct.pairs.tokenising`.
    """
    if data.test_size < 2:
        raise StudyError(
            f"data.test_size: {data.test_size}; allowed: 2 or more, since intervals are over pairs"
        )
    # First: it fails fast.
    tokenizer = PairTokenizer(model_name, data.max_length, data.system, data.date)
    source, tokens = _usable(read_pairs(data), tokenizer, data)
    try:
        found = _cut(source, data)
    except TooFew as error:
        raise StudyError(_too_few(source, data)) from error
    parts = dict(zip(("test", "validation", "train"), found, strict=True))
    pairs = {name: [source.pairs[i] for i in part.chosen] for name, part in parts.items()}
    encoded = {
        name: tokenizer.pack([tokens[i] for i in part.chosen]) for name, part in parts.items()
    }
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
        "source": _source_report(source),
        "system": data.system,
        "turns": data.turns,
        "date": data.date if tokenizer.dated else None,
        "max_length": data.max_length,
        "left_open_by_template": tokenizer.leaves_open,
        "closed_with": tokenizer.end if tokenizer.leaves_open else None,
        "relatives_set_aside": {name: parts[name].relatives for name in ("test", "validation")},
        "splits": {
            name: _split_report(pairs[name], encoded[name])
            for name in ("train", "validation", "test")
        },
    }
    return prepared, report


def _usable(
    source: Pairs, tokenizer: PairTokenizer, data: PairSettings
) -> tuple[Pairs, list[Tokens]]:
    """Leave out pairs that cannot be used, before any split, and count them.

    Returns:
        what is left, with all that was left out among `dropped`, and its tokens.

    Raises:
        StudyError: they are more than `data.max_dropped_share` of all, or all.
    """
    found = tokenizer.tokens(source.pairs)
    kept = [i for i, one in enumerate(found) if isinstance(one, Tokens)]
    reasons = Counter({reason: len(rows) for reason, rows in source.unusable.items()})
    unfit = [one for one in found if isinstance(one, Unfit)]
    reasons.update(one.reason for one in unfit)
    total = len(found) + sum(source.dropped.values()) + sum(map(len, source.unusable.values()))
    if not kept or reasons.total() / total > data.max_dropped_share:
        longest = max((one.prompt for one in unfit), default=0)
        raise StudyError(_too_many(source, reasons, total, longest, data))
    left = replace(
        source,
        pairs=tuple(source.pairs[i] for i in kept),
        groups=tuple(source.groups[i] for i in kept),
        families=source.families[kept],
        dropped=source.dropped | dict(sorted(reasons.items())),
    )
    return left, [one for one in found if isinstance(one, Tokens)]


def _too_many(
    source: Pairs, reasons: Counter[str], total: int, longest: int, data: PairSettings
) -> str:
    """Say how many pairs cannot be used, and why."""
    said = []
    for reason, count in sorted(reasons.items()):
        rows = source.unusable.get(reason)
        said.append(f"{count} with {_WORDS[reason]}" + (f" (first row {rows[0]})" if rows else ""))
    advice = f"data.max_length above {longest}, " if longest else ""
    return (
        f"data.max_dropped_share: {data.max_dropped_share:g}, but {reasons.total()} of {total} "
        f"pairs of {data.name} cannot be used: {', '.join(said)}; allowed: {advice}other rows, or "
        "a larger share of them to leave out, below 1"
    )


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

    largest = int(np.bincount(source.families).max())
    found = fitting(sizes, lambda tried: attempt(tried) is not None, list(sizes))
    cut = None if found is None or (found["test_size"] or 0) < 2 else attempt(found)
    relatives = 0 if cut is None else sum(stretch.relatives for stretch in cut[:2])
    aside = {
        "are left out": sum(source.dropped.values()),
        "near-duplicates of test or validation pairs are set aside": relatives,
    }
    if 2 * largest > len(source.pairs):
        # Nothing else says why so much of the data is no use for other splits.
        aside["are one family of questions that quote one another, for one split"] = largest
    left = f"{len(source.pairs) - relatives} pairs"
    rows = f"{data.name} has {source.rows} rows"
    return ASKED.refusal(sizes, None if cut is None else found, rows, aside, left)


def _source_report(source: Pairs) -> dict[str, Any]:
    return {
        "name": source.source,
        "form": source.form,
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
