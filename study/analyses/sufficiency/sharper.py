"""A sharper measure beside accuracy: the probability that models give the right class.

An answer is right or wrong, which throws away how sure a model was. The mean probability of the
right class keeps it: half the standard error from sentences on the default study, worth four times
as many of them. Models are sure in ways of their own, full fine-tuning more than small ranks, which
has nothing to do with what they know. So each run's probabilities are taken at its own temperature,
the one number by which its logits are divided so that the validation sentences' labels are the
likeliest (Guo et al. 2017, "On calibration of modern neural networks").

It answers another question than accuracy and stands beside it, never in its place: a rank may be
as often right and less sure. A temperature comes from the validation sentences, so that it differs
from run to run; that is part of the difference between seeds, and is tested as such.

Simulated coverage of its intervals at 95 %, 400 studies each, of runs that know more or less, that
are more or less sure than they should be, and that hear other noise; 1,000 validation sentences for
the temperatures, three and five seeds, 1,000 and 3,000 test sentences: 93 to 97 % where seeds are
alike and where they differ; 91 to 94 % where the seeds of one arm differ and the other's do not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from study.analyses.sufficiency.answer import answer_of
from study.analyses.sufficiency.looked import Seen
from study.analyses.sufficiency.rows import alpha_of, difference_row, equivalences
from study.records.logits import Logits
from study.settings.statistics import StatisticsSettings
from study.statistics.crossed import Crossed, crossed

Floats = NDArray[np.float64]

MEASURE = "probability of the right class"
UNDEFINED = "not defined for regression: a number has no probability"
_COLDEST, _HOTTEST = 0.05, 20.0  # temperatures that are tried


def sharper(
    full: Logits,
    lora: Mapping[int, Logits],
    recommended: int | None,
    statistics: StatisticsSettings,
    looks: Sequence[Seen] | None = None,
) -> dict[str, Any]:
    """Return the comparison with full fine-tuning by the sharper measure; all are points.

    - `temperatures`: of every run, by "full" or the rank, in order of seed.
    - `full`: the measure of full fine-tuning, a fraction.
    - `answer`, `differences`, `equivalence`: as in `study.analyses.sufficiency.record`.

    Of a regression there is none: `undefined` says so.

    Args:
        lora: by rank, of the same seeds and sentences as `full`.
        recommended: the rank that the answer is about, None if no rank trained.
        looks: at the study, the last of them now; None: it is looked at once.
    """
    if full.test[next(iter(full.test))].shape[1] == 1:
        return {"measure": MEASURE, "undefined": UNDEFINED}
    ranks = sorted(lora)
    fitted, of_full = probabilities(full)
    temperatures = {"full": fitted}
    looks = [Seen(len(of_full))] if looks is None else looks
    by_look: list[list[Crossed]] = [[] for _ in looks]
    for rank in ranks:
        temperatures[str(rank)], of_rank = probabilities(lora[rank])
        for at, found in zip(looks, by_look, strict=True):
            d = (of_rank - of_full)[: at.num_seeds]
            found.append(crossed(d, counts=False, look=at.look))
    differences = by_look[-1]
    alpha = alpha_of(statistics)
    answer = None
    if recommended is not None:
        picked = ranks.index(recommended)
        answer = answer_of([of_ranks[picked] for of_ranks in by_look], looks, statistics, None)
    return {
        "measure": MEASURE,
        "temperatures": temperatures,
        "full": float(of_full.mean()),
        "answer": answer,
        "differences": [
            difference_row(rank, difference, alpha, len(ranks))
            for rank, difference in zip(ranks, differences, strict=True)
        ],
        "equivalence": [
            equivalences(ranks, by_look, looks, margin, statistics) for margin in statistics.margins
        ],
    }


def probabilities(logits: Logits) -> tuple[list[float], Floats]:
    """Return each run's temperature, and the probability of every test sentence's right class.

    The latter is (num_seeds, num_sentences).
    """
    fitted, rows = [], []
    for seed, on_test in logits.test.items():
        fitted.append(temperature(logits.validation[seed], logits.validation_labels))
        rows.append(np.exp(_log_p(on_test, logits.test_labels, fitted[-1])))
    return fitted, np.stack(rows)


def temperature(logits: NDArray[Any], labels: NDArray[np.int64]) -> float:
    """Return the T by which logits (n, classes) are to be divided: where the labels are likeliest.

    Where every label is right the likelihood has no highest point; the coldest T is then taken.
    """
    found = minimize_scalar(
        lambda log_t: -_log_p(logits, labels, float(np.exp(log_t))).mean(),
        bounds=(np.log(_COLDEST), np.log(_HOTTEST)),
        method="bounded",
        options={"xatol": 1e-6},
    )
    return float(np.exp(found.x))


def _log_p(logits: NDArray[Any], labels: NDArray[np.int64], at: float) -> Floats:
    scaled = log_softmax(np.asarray(logits, dtype=np.float64) / at, axis=-1)
    return np.asarray(scaled[np.arange(len(labels)), labels])
