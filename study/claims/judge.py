"""Puts every claim to its test: `metrics/claims.json`, and the same for `dvc metrics show`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from study.analyses.results.sweep import measure_in
from study.claims.elsewhere import IN_PLACEMENT
from study.claims.evidence import Study
from study.claims.first import FIRST
from study.claims.list import Claim
from study.claims.verdicts import FAILS, HOLDS, UNTOLD, CannotTell, Verdict
from study.entry.errors import StudyError
from study.metrics.measure import Measure
from study.words.phrases import capitalised

Row = dict[str, Any]


def judge(claim: Claim, study: Study) -> Verdict:
    """Return the verdict on a claim.

    Raises:
        StudyError: a record lacks what the claim reads; the claim is named.
    """
    try:
        return claim.test(study)
    except CannotTell as unclear:
        return Verdict(UNTOLD, str(unclear), unclear.numbers)
    except (KeyError, TypeError, IndexError) as error:
        raise StudyError(
            f"claim {claim.name}: a record of metrics/ is not as expected ({error!r}); run "
            "`dvc repro`"
        ) from error


def claims_record(claims: Sequence[Claim], study: Study) -> list[Row]:
    """Return a row a claim: `claim`, `source`, `verdict`, `numbers`; of some `first`, `placement`.

    `first` is the place, from 1 on, of those that a reader sees first (`study.claims.first`),
    `placement` the claim of that companion which says the same (`study.claims.elsewhere`).

    `numbers` holds what the verdict rests on, in points where it is about the score; `decided_by`,
    which tells what was measured from what was counted or is true by construction; and `why`: what
    was held against what, in words. Where a test decides, it has `tested`, the statement that the
    verdict hangs on, with the interval that was tested (`study.claims.statements`).
    """
    rows = []
    for claim in claims:
        found = judge(claim, study)
        rows.append(
            {
                "claim": in_metric(claim.claim, measure_in(study.full)),
                "source": "; ".join(claim.sources),
                "verdict": found.verdict,
                "numbers": {**found.numbers, **_decided(found), "why": found.why},
                **({"first": 1 + FIRST.index(claim.name)} if claim.name in FIRST else {}),
                **({"placement": there} if (there := IN_PLACEMENT.get(claim.name)) else {}),
            }
        )
    return rows


def in_metric(claim: str, measure: Measure) -> str:
    """Say a claim on accuracy of what it was put to: the study's metric.

    Write-ups speak of accuracy, which rises when models get better. Of a metric that falls then,
    the claim is said of how good a model is by it.
    """
    words = measure.words if measure.higher else f"merit by {measure.words}"
    return claim.replace("accuracy", words).replace("Accuracy", capitalised(words))


def _decided(found: Verdict) -> Row:
    return {} if found.verdict == UNTOLD else {"decided_by": found.decided_by}


def verdicts_record(claims: Sequence[Claim], rows: Sequence[Row]) -> dict[str, Any]:
    """Return the verdicts by the claims' short names, and how many there are of each.

    DVC shows no list (it reads numbers and words in mappings only), so `dvc metrics show` and
    `dvc metrics diff` read this.
    """
    verdicts = [row["verdict"] for row in rows]
    counts = {verdict: verdicts.count(verdict) for verdict in (HOLDS, FAILS, UNTOLD)}
    by_name = {claim.name: verdict for claim, verdict in zip(claims, verdicts, strict=True)}
    return {"claims": {"all": len(rows), **counts}, "verdicts": by_name}
