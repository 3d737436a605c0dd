"""Section `generation` of instruct/params.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from study.entry.rules import one_of, optional
from study.entry.sections import Section

ROUGE_L, EXACT_MATCH = "rouge_l", "exact_match"


@dataclass(frozen=True)
class GenerationSettings:
    """What is asked of the text that models write themselves.

    Attributes:
        metric: rouge_l or exact_match, of what the base and every arm's first seed answer to the
            held-out prompts; None: nothing is written.
    """

    metric: Annotated[str | None, optional(one_of(ROUGE_L, EXACT_MATCH))]


GENERATION = Section("generation", GenerationSettings)
