"""Claims about what training left alone and what it saved, from models that were put together anew.

The capacity stage loads the pretrained model afresh, puts the saved adapter and head of the largest
rank into it, and classifies the test sentences: what it then has otherwise than the run had,
training changed elsewhere or saving lost (metrics/capacity.json, `differing`).
"""

from __future__ import annotations

from study.claims.evidence import Study, part
from study.claims.verdicts import Verdict, exactly
from study.records.arm_names import LORA
from study.words.phrases import share

ROUNDING = 0.02
"""Share of the sentences that another machine's rounding may decide otherwise.

See `study.analyses.capacity`.
"""


def reusable(study: Study) -> Verdict:
    """Base, saved adapter and saved head classify as the run did, but for rounding."""
    differing, sentences = _rebuilt(study)
    return Verdict(
        exactly(differing <= ROUNDING * sentences),
        "the base was loaded afresh and given the saved adapter and head of rank "
        f"{part(study.capacity, 'capacity', 'largest_rank')}. Told is how many test sentences it "
        f"then classifies otherwise than the run did, over all seeds; up to {share(ROUNDING)} may "
        "be rounding",
        {"differing": differing, "sentences": sentences},
    )


def base_stays_frozen(study: Study) -> Verdict:
    """What was not saved is as before training, and what was saved moved in every matrix.

    The first is `reusable` once more, whose base comes from the pretrained file; the second is that
    B, which starts at zero, no longer is zero anywhere.
    """
    differing, sentences = _rebuilt(study)
    norms = [row["norm"] for row in part(study.spectra, "spectra", "lora")]
    return Verdict(
        exactly(differing <= ROUNDING * sentences and min(norms) > 0),
        "two checks. A run's predictions come back from the pretrained file and the saved adapter "
        f"and head alone (up to {share(ROUNDING)} may be rounding), so no frozen weight had moved. "
        f"And the smallest of {len(norms)} updates s B A, which began at zero, is no longer zero",
        {"differing": differing, "sentences": sentences, "smallest_update": min(norms)},
    )


def _rebuilt(study: Study) -> tuple[int, int]:
    """Return how many sentences rebuilt models of the largest rank have otherwise, of how many."""
    differing = part(study.capacity, "capacity", "differing", LORA)
    return sum(differing), len(differing) * part(study.capacity, "capacity", "sentences")
