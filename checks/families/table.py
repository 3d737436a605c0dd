"""The outcomes as docs/models.md and as lines on a terminal."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence

from checks.families.compare import FAULT, GRADIENTS, LOGITS, Outcome
from checks.families.exceptions import VARIANTS
from checks.families.making import CAUSAL, CLASSIFIER, multimodal

GOALS = {CLASSIFIER: 105, CAUSAL: 60}  # families that the study takes
# Of a study's error: the setting, and which forms it knows instead.
_NOT_NEWS = re.compile(r"model\.name: |; allowed are [^;]*|: its results would depend on .*")
_TITLES = {CLASSIFIER: "Classifiers", CAUSAL: "Causal language models"}
_HEAD = f"""# Models

[README](../README.md) · [training](training.md) · [the house](house.md)

What `python -m checks.families --write` found with transformers VERSION. Of every family a small
model was made at random, an adapter put on all of its linear layers, and ten sentences of 7 to 96
tokens given to it in fp32: by the study, which chooses how as it does for any model, one run a pass
and two, and by transformers alone.

- Packed: sentences end to end in one row a run. Shared: the same, and what they have in common from
  the first token on once. Padded: a row a sentence, through the model's own forward pass. Separate:
  the same, one run at a time.
- Logits: by how much the study is off, of the largest, or of one if that is less; of a language
  model, whose loss alone is read, the mean loss of a response. Allowed: {LOGITS:.0e}.
- Gradients: those of the adapters and the head, in training without dropout, of the largest of
  them. Allowed: {GRADIENTS:.0e}.
- Padding: by how much the model's own answers change where others in a batch are longer."""


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


def shortcoming(outcomes: Sequence[Outcome], kind: str) -> str | None:
    """Say how many families of a kind are taken, if those are too few; variants do not count."""
    taken = sum(o.accepted and o.kind == kind and o.family not in VARIANTS for o in outcomes)
    goal = GOALS[kind]
    return None if taken >= goal else f"{taken} {kind} families are taken; the goal is {goal}"


def line(outcome: Outcome) -> str:
    """Return an outcome for a terminal; of a fault, the end of its traceback."""
    numbers = ""
    if outcome.accepted:
        numbers = f" {_number(outcome.logits)} {_number(outcome.gradients)}"
    wrong = "" if outcome.right else " WRONG"
    return f"{outcome.kind} {outcome.family}: {outcome.how}{numbers}{wrong} {outcome.why}".rstrip()


def _table(outcomes: Sequence[Outcome]) -> str:
    rows = [
        "| family | how | logits | gradients | padding | why |",
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
    why = _NOT_NEWS.sub("", why).replace("`", "")
    return textwrap.shorten(why, 160, placeholder=" …").replace("|", "\\|")
