"""What `metrics/undertraining.json` holds: of every arm, whether it trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from study.analyses.results.head_alone import head_alone
from study.analyses.results.sweep import Sweep
from study.analyses.results.validation import Answers
from study.analyses.undertraining import curve as curves
from study.analyses.undertraining.remedy import rates_setting, remedy
from study.analyses.undertraining.signs import Sign, of_commonest, of_curve, of_head
from study.probes.record import LinearProbe
from study.records.arm_names import FULL, HEAD_ONLY, LORA
from study.records.runs import ArmRecord
from study.settings.train import usual_steps
from study.statistics.resampling import Scores


def undertraining(
    results: Sweep,
    probe: LinearProbe,
    answers: Answers,
    shares: Mapping[str, float],
    alpha: float,
    planned: int,
) -> dict[str, Any]:
    """Return the record.

    - `arms`: of each its `arm`, `rank`, `epochs`, `steps`, the loss of its last quarter
      (`last_loss`, nats), `validation_accuracy` (mean over seeds), the `signs` (see
      `study.analyses.undertraining.signs`) and the names of those `found`, `trained`: whether none
      was, and `try`: settings to run again with, none too where only more sentences can help.
    - `guessing_loss`, nats; `commonest`: the commonest class of the training sentences, and the
      share of the validation sentences that are of it.
    - `head_alone`: which arm arms are held against, the trained head or the linear probe.
    - `settings`: of all that did not train, one a key, as `dvc exp run -S` takes them. Of the
      trained head only where no linear probe does better, as nothing is said of it else.

    Args:
        probe: arms are held against the better one, on validation, of it and the trained head.
        answers: on validation.
        shares: of the classes in the training sentences, by name.
        alpha: of the test against the commonest class.
        planned: epochs of LoRA and of full fine-tuning; a run that stopped early took fewer.
    """
    guessing = curves.guessing_loss(shares.values())
    names = results.full.label_names
    commonest = max(range(len(names)), key=lambda place: shares[names[place]])
    right = answers.labels == commonest
    head, best = answers.correct[HEAD_ONLY, None], head_alone(results.head_only, probe)
    if best is probe:
        head = np.array([probe.validation_predictions]) == answers.labels
    rows = [
        _row(record, answers, right, head, guessing, alpha, planned)
        for record in (results.head_only, *results.lora.values(), results.full)
    ]
    counted = [row for row in rows if row["arm"] in (best.arm, LORA, FULL)]
    settings = dict.fromkeys(setting for row in counted for setting in row["try"])
    return {
        "arms": rows,
        "guessing_loss": guessing,
        "commonest": {"class": names[commonest], "share": float(right.mean())},
        "head_alone": best.arm,
        "settings": _joined(list(settings)),
    }


def _row(
    record: ArmRecord,
    answers: Answers,
    commonest: Scores,
    head: Scores,
    guessing: float,
    alpha: float,
    planned: int,
) -> dict[str, Any]:
    curve = curves.curve(record, guessing)
    correct = answers.correct[record.arm, record.rank]
    signs: list[Sign] = [*of_curve(curve), of_commonest(correct, commonest, alpha)]
    if record.arm != HEAD_ONLY:
        signs.append(of_head(correct, head))
    found = [sign.name for sign in signs if sign.found]
    epochs, steps = curves.epochs(record), curves.steps(record)
    whole = epochs if record.arm == HEAD_ONLY else max(planned, epochs)
    again = remedy(
        *(record.arm, found, whole, steps * whole // epochs),
        *(record.learning_rates, curve.learned, usual_steps(len(record.label_names))),
    )
    return {
        "arm": record.arm,
        "rank": record.rank,
        "trained": not found,
        "found": found,
        "epochs": epochs,
        "steps": steps,
        "last_loss": curve.last,
        "validation_accuracy": float(np.mean(correct)),
        "signs": [asdict(sign) for sign in signs],
        "try": again,
    }


def _joined(settings: list[str]) -> list[str]:
    """Keep one value a key: of numbers of epochs the largest, of lists of rates all."""
    values: dict[str, list[str]] = {}
    for setting in settings:
        key, _, value = setting.strip("'").partition("=")
        values.setdefault(key, []).append(value)
    return [
        rates_setting(key, {float(rate) for each in found for rate in each.strip("[]").split(",")})
        if found[0].startswith("[")
        else f"{key}={max(map(int, found))}"
        for key, found in values.items()
    ]
