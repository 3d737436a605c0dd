"""What `metrics/sufficient_rank.json` holds: which rank is enough, and how sure that is."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from study.analyses.results.sweep import Sweep, answers_of, measure_in, merits
from study.analyses.sufficiency.answer import answer_of, foreseen
from study.analyses.sufficiency.choice import shares_of_equivalence, shares_of_one_standard_error
from study.analyses.sufficiency.looked import Seen
from study.analyses.sufficiency.planning import Components
from study.analyses.sufficiency.recommended import picked_of, recommended_of, shares_recommended
from study.analyses.sufficiency.rows import alpha_of, difference_row, equivalences
from study.analyses.sufficiency.smaller import smaller_rows
from study.analyses.sufficiency.trend import trend
from study.analyses.sufficiency.usual import usual
from study.metrics.measure import ACCURACY
from study.records.runs import ArmRecord
from study.settings.statistics import StatisticsSettings
from study.statistics.crossed import paired
from study.statistics.recomputed import Recomputed, recomputed
from study.statistics.resampling import Scores
from study.words.phrases import margin as margin_words
from study.words.scores import digits

RULE = "the smallest rank within one paired standard error of the best"


def sufficient_rank(
    results: Sweep,
    validation: Mapping[int, Scores],
    untrained: Collection[int],
    statistics: StatisticsSettings,
    exact_validation: Recomputed | None = None,
    looks: Sequence[Seen] | None = None,
) -> dict[str, Any]:
    """Return the record. Accuracies are fractions; differences, errors and margins are points.

    Points are hundredths of the study's metric; where that has no bound (log_loss, rmse) they are
    its own unit. A difference above 0 is better, whichever way the metric goes.

    A rank is recommended on validation, and everything else is told on test.

    - `recommended`, `one_standard_error`: see `study.analyses.sufficiency.recommended`,
      and the words of the `rule`. Ranks that did not train (`untrained`) are not recommended; where
      none is left the `rank` is None.
      `of_all` is the rank that the rule picks of all ranks, trained or not.
    - `answer`: the verdicts on the recommended rank; see `study.analyses.sufficiency.answer`.
    - `smaller`: what each rank below the recommended one costs; see
      `study.analyses.sufficiency.smaller`.
    - `differences`: of every rank to full fine-tuning, and of every seed.
    - `equivalence`: at every margin the smallest equivalent `rank`, or None, and every rank's
      verdict; for both see `study.analyses.sufficiency.rows`. `foreseen`: as in the answer.
      `alpha` and `power`: of these tests, and of what they would take.
    - `choice`: by rule, in which share of resamples each rank, or "none", is chosen.
    - `trend`: see `study.analyses.sufficiency.trend`.
    - `looks`, where there were several: the seeds at each of them; see
      `study.analyses.sufficiency.looked`.
    - `seeds` and `sentences`: what the means are over; `validation_sentences` those of the
      recommendation. `error_from`: "seeds and sentences", or "sentences" where there is one seed.

    Args:
        validation: by rank, `study.analyses.results.validation.Answers.merits`.
        exact_validation: the ranks' answers there, ascending, where the metric is no mean over
            sentences, so that resamples compute it anew.
        untrained: ranks of which `metrics/undertraining.json` says that they did not train.
        looks: at the study, the last of them now; None: it is looked at once.
    """
    ranks = list(results.lora)
    of_lora = np.stack([merits(record) for record in results.lora.values()])
    of_full = merits(results.full)
    on_validation = np.stack([np.asarray(validation[rank]) for rank in ranks])
    measure = measure_in(results.full)
    alpha = alpha_of(statistics)
    _, num_seeds, num_sentences = of_lora.shape
    looks = [Seen(num_seeds)] if looks is None else looks
    by_look = [
        [paired(arm[: at.num_seeds], of_full[: at.num_seeds], look=at.look) for arm in of_lora]
        for at in looks
    ]
    differences = by_look[-1]
    exact = _exact(results)
    by_margin = shares_of_equivalence(of_lora, of_full, ranks, statistics, looks[-1].look, exact)
    trained = [place for place, rank in enumerate(ranks) if rank not in untrained]
    recommended = recommended_of(on_validation, ranks, trained, measure)
    picked = None if recommended["rank"] is None else ranks.index(recommended["rank"])
    named = {} if measure.name == ACCURACY else {"metric": measure.name}
    parts = _usual(results.full)
    return named | {
        "recommended": recommended | {"rule": RULE, "split": "validation"},
        "answer": None
        if picked is None
        else answer_of([of_ranks[picked] for of_ranks in by_look], looks, statistics, parts),
        "smaller": smaller_rows(of_lora, ranks, picked, statistics, looks[-1].look),
        "one_standard_error": picked_of(of_lora, ranks, measure) | {"rule": RULE, "split": "test"},
        "differences": [
            difference_row(rank, difference, alpha, len(ranks))
            | {"by_seed": (100 * (arm.mean(axis=1) - of_full.mean(axis=1))).tolist()}
            for rank, arm, difference in zip(ranks, of_lora, differences, strict=True)
        ],
        "equivalence": [
            equivalences(ranks, by_look, looks, margin, statistics, 1 + digits(measure))
            | foreseen(num_seeds, num_sentences, margin, alpha / 2, parts)
            for margin in statistics.margins
        ],
        "alpha": alpha,
        "power": statistics.power,
        "choice": {
            "one standard error on validation": shares_recommended(
                on_validation, ranks, trained, statistics, exact_validation
            ),
            "one standard error on test": shares_of_one_standard_error(
                of_lora, ranks, statistics, exact and exact.of(range(len(ranks)))
            ),
        }
        | {
            f"equivalent within {margin_words(margin)}": shares
            for margin, shares in zip(statistics.margins, by_margin, strict=True)
        },
        "trend": trend(of_lora),
        **({"looks": [at.num_seeds for at in looks]} if len(looks) > 1 else {}),
        "seeds": num_seeds,
        "sentences": num_sentences,
        "validation_sentences": on_validation.shape[2],
        "error_from": "seeds and sentences" if num_seeds > 1 else "sentences",
    }


def _exact(results: Sweep) -> Recomputed | None:
    """Return the answers on test of LoRA's ranks and of full, to compute the metric of anew."""
    arms = [*results.lora.values(), results.full]
    answers = np.stack([answers_of(record) for record in arms])
    return recomputed(measure_in(results.full), answers, np.array(results.full.test_labels))


def _usual(full: ArmRecord) -> Components | None:
    """Return how far models usually differ by the metric, with the test sentences' classes."""
    classes = np.array(full.test_labels)
    shares = [float(np.mean(classes == c)) for c in range(len(full.label_names))]
    return usual(measure_in(full), shares)
