"""Section `search` of instruct/params.yaml: how an arm's learning rate is looked for."""

from __future__ import annotations

from dataclasses import dataclass

from study.entry.kinds import Count
from study.entry.parser import Agreement
from study.entry.sections import Section


@dataclass(frozen=True)
class SearchSettings:
    """How the learning rate of every arm is picked.

    Attributes:
        seeds: so many of `seeds`, the first, try every rate; the others train at the one that
            validation picks.
    """

    seeds: Count


AGREEMENTS = (
    Agreement(
        ("search.seeds", "seeds"),
        lambda some, seeds: some <= len(seeds),
        "at most as many as seeds has",
    ),
)

SEARCH = Section("search", SearchSettings, AGREEMENTS)
