"""The outcomes as docs/models.md and as lines on a terminal."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence

from checks.families.compare import FAULT, GRADIENTS, LOGITS, Outcome
from checks.families.making import CAUSAL, CLASSIFIER, multimodal

GOALS = {CLASSIFIER: 105, CAUSAL: 60}  # families that the study takes
_TITLES = {CLASSIFIER: "Classifiers", CAUSAL: "Causal language models"}
_HEAD = f"""# Models

What `python -m checks.families --write` found: of every family in transformers VERSION a small
random model was made, and its answers by the study's pass held against those of transformers
alone, one run a pass and two, on sentences of 7 to 96 tokens, in fp32. «Off by» is the largest
difference of logits (of a language model: of losses of responses), relative to the largest where
that is above one; gradients are those of adapters on all linear layers and of the head, relative to
the largest of them. Allowed are {LOGITS:g} and {GRADIENTS:g}. «Own padding» is the difference
between the model's own answers to a padded batch and to each sentence alone.

Packed: sentences end to end. Padded: rows through the model's own forward pass. Separate: the same,
one run after the other."""


def page(outcomes: Iterable[Outcome], version: str) -> str:
    """Return docs/models.md."""
    every = list(outcomes)
    parts = [_HEAD.replace("VERSION", version)]
    for kind, title in _TITLES.items():
        own = sorted((o for o in every if o.kind == kind), key=lambda o: o.family)
        if own:
            parts += [f"## {title}", totals(own), _table(own)]
    return "\n\n".join(parts) + "\n"


def totals(outcomes: Sequence[Outcome]) -> str:
    """Say in a sentence how many families went which way."""
    counts = Counter(outcome.how for outcome in outcomes)
    taken = [outcome for outcome in outcomes if outcome.accepted]
    ways = ", ".join(f"{n} {how}" for how, n in counts.most_common())
    wrong = sum(not outcome.right for outcome in taken)
    return f"{len(taken)} of {len(outcomes)} are taken, {wrong} of these wrong: {ways}."


def line(outcome: Outcome) -> str:
    """Return an outcome for a terminal; of a fault, the end of its traceback."""
    numbers = ""
    if outcome.accepted:
        numbers = f" {_number(outcome.logits)} {_number(outcome.gradients)}"
    wrong = "" if outcome.right else " WRONG"
    return f"{outcome.kind} {outcome.family}: {outcome.how}{numbers}{wrong} {outcome.why}".rstrip()


def _table(outcomes: Sequence[Outcome]) -> str:
    rows = [
        "| family | how | logits off by | gradients | own padding | why |",
        "|---|---|---|---|---|---|",
    ]
    for outcome in outcomes:
        name = outcome.family + (" (text alone)" if multimodal(outcome.family) else "")
        numbers = map(_number, (outcome.logits, outcome.gradients, outcome.padding))
        cells = (name, outcome.how, *numbers, _why(outcome))
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.0e}"


def _why(outcome: Outcome) -> str:
    """Return what speaks against the ways that were not taken, or of a fault its last line."""
    why = outcome.why.strip()
    if outcome.how == FAULT:
        why = why.splitlines()[-1]
    elif outcome.accepted:
        why = why.partition("; ")[2]
    return textwrap.shorten(why, 200, placeholder=" …").replace("|", "\\|")
