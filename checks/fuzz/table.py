"""What became of all cases, as lines for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from checks.fuzz.judge import ACCEPTED, FIND, REFUSED, Outcome
from checks.fuzz.open import OPEN

_LONG = 300  # characters of the cases that a find is listed with
_HEAD = ("kind", "cases", "accepted", "refused", "finds", "known and open")


def is_new(outcome: Outcome) -> bool:
    """Whether an outcome breaks the law in a way that nobody knows of."""
    return outcome.verdict == FIND and outcome.told not in OPEN


def rows(found: Mapping[str, Sequence[Outcome]]) -> list[tuple[str, ...]]:
    """Return a row for each kind, and one for all of them."""
    kinds = {**found, "all": [outcome for each in found.values() for outcome in each]}
    return [_HEAD, *(_row(kind, outcomes) for kind, outcomes in kinds.items())]


def _row(kind: str, outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    verdicts = Counter(outcome.verdict for outcome in outcomes)
    new = sum(map(is_new, outcomes))
    counts = (len(outcomes), verdicts[ACCEPTED], verdicts[REFUSED], new, verdicts[FIND] - new)
    return kind, *(f"{count:,}" for count in counts)


def finds(outcomes: Iterable[Outcome]) -> list[str]:
    """Return a line for each different find: how often, what, and in which cases first."""
    return [
        f"{'open' if told in OPEN else 'FIND'} {len(same)}x {told} "
        f"({', '.join(dict.fromkeys(each.family for each in same))[:_LONG]}) {same[0].shown!a}"
        for told, same in _by_told(outcomes)
    ]


def brief(outcomes: Iterable[Outcome]) -> list[str]:
    """Return a line for each different find, without its cases."""
    return [
        f"{told}: {len(same)} cases, {'known and open' if told in OPEN else 'new'}"
        for told, same in _by_told(outcomes)
    ]


def _by_told(outcomes: Iterable[Outcome]) -> list[tuple[str, list[Outcome]]]:
    """Return the finds by what they are, the most frequent first."""
    by_told: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.verdict == FIND:
            by_told.setdefault(outcome.told, []).append(outcome)
    return sorted(by_told.items(), key=lambda pair: -len(pair[1]))
