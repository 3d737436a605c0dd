"""Which rank to take: on validation, the smallest that is no farther from the best than chance.

The main study's rule of one standard error (`study.analyses.sufficiency.rule`), of losses a token.
"""

from __future__ import annotations

from typing import Any

from study.statistics.crossed import crossed
from study.studies.instruct.answers.compare import Held


def choice(held: Held) -> dict[str, Any]:
    """Return the `rank`, the `best_rank`, and of every rank how far it is `behind_best`, in nats.

    Args:
        held: the validation pairs.
    """
    means = {rank: float(held.level(held.losses[rank]).mean()) for rank in held.ranks}
    best = min(held.ranks, key=lambda rank: (means[rank], rank))
    rows = []
    for rank in held.ranks:
        behind = crossed(held.gain(best, rank), counts=False)
        error = 0.0 if rank == best else float(behind.standard_error()[0])
        rows.append(
            {
                "rank": rank,
                "validation_loss": means[rank],
                "behind_best": float(behind.mean[0]),
                "standard_error": error,
            }
        )
    picked = next(row["rank"] for row in rows if row["behind_best"] <= row["standard_error"])
    return {"rank": picked, "best_rank": best, "ranks": rows}
