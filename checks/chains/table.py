"""The chains as lines on a terminal and as a part of docs/models.md."""

from __future__ import annotations

from collections.abc import Iterable

from checks.chains.chain import ALLOWED, CHAINS, Outcome
from checks.chains.section import section, with_section
from checks.families.making import CAUSAL

_HEAD = f"""## Through a whole study

Small random models of these families, an adapter on every linear layer, went through all stages
of the main study but the two that draw; those that are language models alone went through
instruction tuning. Then plain transformers and PEFT loaded every adapter, gave it the test
sentences in one padded batch, and were held against what the study had recorded: logits, or of
language models the mean loss. The largest difference, of the largest logit or of one if that is
less, may be {ALLOWED:.0e}. The merged model of `select` is among them.

| family | study | batches | stages | difference |
|---|---|---|--:|--:|
"""
_STUDIES = {CAUSAL: "instruction tuning"}


def line(outcome: Outcome) -> str:
    """Return an outcome for a terminal."""
    if outcome.fault is not None:
        return f"{outcome.family}: {outcome.stages} stages, then {outcome.fault.rstrip()}"
    wrong = "" if outcome.right else " WRONG"
    told = f"{outcome.stages} stages, {outcome.batching}, {outcome.apart:.0e} apart"
    return f"{outcome.family}: {told}{wrong}"


def written(page: str, outcomes: Iterable[Outcome]) -> str:
    """Return docs/models.md with these outcomes in it; other families' rows stay as they are."""
    rows = _rows(section(page)) | {outcome.family: _row(outcome) for outcome in outcomes}
    known = [rows[family] for family in CHAINS if family in rows]
    return with_section(page, "\n".join([_HEAD + "\n".join(known), ""]))


def _rows(text: str) -> dict[str, str]:
    """Return the rows of a table by their first cell."""
    rows = [row for row in text.splitlines() if row.startswith("| ")]
    return {row.split("|")[1].strip(): row for row in rows[1:]}


def _row(outcome: Outcome) -> str:
    study = _STUDIES.get(outcome.kind, "main")
    apart = "–" if outcome.apart is None else f"{outcome.apart:.0e}"
    cells = (outcome.family, study, outcome.batching or "–", str(outcome.stages), apart)
    return f"| {' | '.join(cells)} |"
