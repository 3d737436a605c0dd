"""`metrics/agreement.json`: how alike the arms' models are, and how far they can be believed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.analyses.agreement.calibration import BINS, calibration
from study.analyses.agreement.disagreement import MORE, Name, disagreement
from study.analyses.agreement.divergence import LogitsArray, divergence
from study.analyses.agreement.probe import of_probe
from study.analyses.results.blocks import Named
from study.analyses.results.sweep import Sweep
from study.entry.errors import StudyError
from study.probes.record import LinearProbe
from study.records.arm_names import LORA
from study.records.runs import ArmRecord
from study.settings.statistics import StatisticsSettings
from study.words.phrases import listed

UNDEFINED = (
    "not defined for regression: arms are said to disagree where they choose other classes, and "
    "numbers have neither classes nor probabilities"
)


def agreement(
    results: Sweep,
    probe: LinearProbe,
    logits: dict[Name, LogitsArray],
    statistics: StatisticsSettings,
) -> dict[str, Any]:
    """Return the record: the parts of this package, and what their intervals are over.

    Of the linear probe there are predictions and no logits: it stands in `disagreement` alone,
    after head-only.

    Of a regression there is none: `undefined` says so.

    Args:
        logits: of the test sentences by arm and rank, as `read_test_logits` gives them.
    """
    if not results.full.label_names:
        return {"undefined": UNDEFINED}
    arms = swept(results)
    seeds = [run.seed for run in results.full.picked()]
    parts = disagreement(arms, results.full, statistics)
    head_only, *others = parts["arms"]
    parts["arms"] = [head_only, of_probe(probe, results.full, statistics.confidence), *others]
    labels = np.array(results.full.test_labels)
    return {
        "disagreement": {"answer": answer(parts), **parts},
        "divergence": divergence(logits, statistics),
        "calibration": [
            {"arm": arm.arm, "rank": arm.rank}
            | calibration(logits[arm.arm, arm.rank], labels, statistics)
            for arm in arms
        ],
        "calibration_bins": f"at most {BINS}, of equal mass, of the predicted class's probability",
        "seeds": seeds,
        "test_sentences": len(results.full.test_labels),
        "confidence": statistics.confidence,
        "interval": "seeds and sentences" if len(seeds) > 1 else "sentences",
        "interval_of_pairs": _of_pairs(len(seeds)),
    }


def swept(results: Sweep) -> list[ArmRecord]:
    """Return head-only, the sweep's ranks in ascending order, and full fine-tuning."""
    return [results.head_only, *results.lora.values(), results.full]


def answer(parts: dict[str, Any]) -> str:
    """Say which ranks disagree with full fine-tuning more than it does with itself."""
    lora = [row for row in parts["arms"] if row["arm"] == LORA]
    if "reason" in parts["full_with_itself"]:
        return (
            "With one seed we cannot say whether that is much: how far two runs of full "
            "fine-tuning disagree with each other takes two"
        )
    more = [row["rank"] for row in lora if row["excess"]["verdict"] == MORE]
    rest = [row["rank"] for row in lora if row["excess"]["verdict"] != MORE]
    words = []
    if more:
        words.append(
            f"{_ranks(more)} disagree{'s' * (len(more) == 1)} with full fine-tuning on more test "
            "sentences than two seeds of full fine-tuning do with each other"
        )
    if rest:
        words.append(
            f"for {_ranks(rest)} we cannot say whether LoRA disagrees with full fine-tuning more "
            "than two seeds of full fine-tuning do"
        )
    sentence = "; ".join(words)
    return sentence[:1].upper() + sentence[1:]


def read_test_logits(
    results: Sweep, folder: str | Path = "metrics", *, blocks: Sequence[int] = ()
) -> dict[Name, LogitsArray]:
    """Read the test logits of every arm, (num_seeds, num_sentences, num_labels), by arm and rank.

    Args:
        blocks: further blocks of seeds that `results` hold.

    Raises:
        StudyError: a file is missing, or is not of the runs that the arm's record holds.
    """
    found: dict[Name, LogitsArray] = {}
    for arm in swept(results):
        stem = arm.arm if arm.rank is None else f"{arm.arm}-r{arm.rank}"
        named = Named(stem, arm.arm if arm.rank is None else f"{arm.arm}@{arm.rank}")
        logits = named.logits(Path(folder), blocks)
        runs = arm.picked()
        seeds = [run.seed for run in runs]
        same = list(logits.test) == seeds and np.array_equal(logits.test_labels, arm.test_labels)
        if not same or not all(
            _predicts(logits.test[run.seed], np.array(run.test_predictions)) for run in runs
        ):
            raise StudyError(
                f"{named.path(Path(folder), 'logits', '.safetensors')}: not the logits of the runs "
                f"in metrics/runs/{stem}.json; run `dvc repro {named.stage}`"
            )
        found[arm.arm, arm.rank] = np.stack([logits.test[seed] for seed in seeds])
    return found


def _predicts(logits: LogitsArray, predictions: NDArray[np.int64]) -> bool:
    """Whether these classes (n,) have the largest of the logits (n, num_labels); ties are fine.

    Of a regression, whether they are the one output.
    """
    if logits.shape[-1] == 1:
        return np.array_equal(logits[:, 0], predictions.astype(logits.dtype))
    if len(logits) != len(predictions) or predictions.max() >= logits.shape[-1]:
        return False
    chosen = np.take_along_axis(logits, predictions[:, None], axis=1)[:, 0]
    return np.array_equal(chosen, logits.max(axis=1))


def _of_pairs(num_seeds: int) -> str:
    """Say what intervals of means over pairs of different seeds come from."""
    if num_seeds == 1:
        return "none: one seed makes no pair"
    if num_seeds == 2:
        return "sentences: two seeds make one pair"
    return "seeds and sentences"


def _ranks(ranks: list[int]) -> str:
    return f"rank{'s' * (len(ranks) > 1)} {listed(ranks)}"
