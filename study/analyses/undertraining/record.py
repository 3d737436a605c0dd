"""What `metrics/undertraining.json` holds: of every arm, whether it trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.analyses.results.head_alone import head_alone
from study.analyses.results.sweep import Sweep, measure_in
from study.analyses.results.validation import Answers
from study.analyses.undertraining import curve as curves
from study.analyses.undertraining.remedy import rates_setting, remedy
from study.analyses.undertraining.signs import Sign, of_commonest, of_curve, of_head
from study.analyses.undertraining.unnamed import never_named
from study.metrics.guessing import guesses
from study.metrics.measure import ACCURACY
from study.probes.record import LinearProbe
from study.records.arm_names import FULL, HEAD_ONLY, LORA
from study.records.runs import ArmRecord
from study.settings.train import usual_steps
from study.statistics.resampling import Scores


def undertraining(
    results: Sweep,
    probe: LinearProbe,
    answers: Answers,
    training: Mapping[str, Any],
    alpha: float,
    planned: int,
    outputs: Mapping[tuple[str, int | None], Sequence[NDArray[Any]]] | None = None,
) -> dict[str, Any]:
    """Return the record.

    - `arms`: of each its `arm`, `rank`, `epochs`, `steps`, the loss of its last quarter
      (`last_loss`, nats or, of a regression, squared error), `validation_accuracy` (or of the
      study's metric; mean over seeds), the `signs` (see
      `study.analyses.undertraining.signs`) and the names of those `found`, `trained`: whether none
      was, and `try`: settings to run again with, none too where only more sentences can help.
      `never_names`, where there are any: see `study.analyses.undertraining.unnamed`.
    - `guessing_loss`, in the same unit; `commonest`: the commonest class of the training sentences,
      and the share of the validation sentences that are of it; of a regression None.
    - `guessing`, where the metric is another than accuracy: what it is of one who reads nothing
      (`study.metrics.guessing`), on validation.
    - `head_alone`: which arm arms are held against, the trained head or the linear probe.
    - `settings`: of all that did not train, one a key, as `dvc exp run -S` takes them. Of the
      trained head only where no linear probe does better, as nothing is said of it else.

    Args:
        probe: arms are held against the better one, on validation, of it and the trained head.
        answers: on validation.
        training: the part of `metrics/data.json` on the training sentences.
        alpha: of the test against the commonest class.
        planned: epochs of LoRA and of full fine-tuning; a run that stopped early took fewer.
        outputs: of every arm, each seed's logits (n, num_labels) on validation; None: which classes
            are named is not looked at.
    """
    measure, names = measure_in(results.full), results.full.label_names
    if names:
        shares = [training["class_shares"][name] for name in names]
        guessing, told = curves.guessing_loss(shares), shares
    else:
        guessing, told = training["label_deviation"] ** 2, [training["label_mean"]]
    guessed = measure.parts(guesses(measure, told, answers.labels), answers.labels)
    head, best = answers.merits[HEAD_ONLY, None], head_alone(results.head_only, probe)
    if best is probe:
        head = measure.merits(probe.validation_parts(answers.labels))
    rows = [
        _row(record, answers, measure.merits(guessed), head, guessing, alpha, planned)
        for record in (results.head_only, *results.lora.values(), results.full)
    ]
    for row in rows if outputs is not None else ():
        assert outputs is not None
        missed = never_named(outputs[row["arm"], row["rank"]], answers.labels, names)
        row |= {"never_names": missed} if missed else {}
    counted = [row for row in rows if row["arm"] in (best.arm, LORA, FULL)]
    settings = dict.fromkeys(setting for row in counted for setting in row["try"])
    return {
        **({} if measure.name == ACCURACY else {"metric": measure.name}),
        "arms": rows,
        "guessing_loss": guessing,
        "commonest": _commonest(names, told, answers.labels),
        **({} if measure.name == ACCURACY else {"guessing": float(guessed.mean())}),
        "head_alone": best.arm,
        "settings": _joined(list(settings)),
    }


def _commonest(
    names: Sequence[str], shares: Sequence[float], labels: NDArray[Any]
) -> dict[str, Any] | None:
    if not names:
        return None
    commonest = max(range(len(names)), key=lambda place: shares[place])
    return {"class": names[commonest], "share": float((labels == commonest).mean())}


def _row(
    record: ArmRecord,
    answers: Answers,
    guessed: Scores,
    head: Scores,
    guessing: float,
    alpha: float,
    planned: int,
) -> dict[str, Any]:
    curve = curves.curve(record, guessing)
    merits = answers.merits[record.arm, record.rank]
    signs: list[Sign] = [*of_curve(curve), of_commonest(merits, guessed, alpha)]
    if record.arm != HEAD_ONLY:
        signs.append(of_head(merits, head))
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
        f"validation_{record.metric}": measure_in(record).value_of_merit(float(np.mean(merits))),
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
