"""Learning rates: what was tried, and what the choice of one does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from study.metrics.measure import Measure
from study.pages.figures.one_rate import one_rate, tried_rates
from study.pages.report.html import NOTHING, Html, Text, folded, paragraph, table, text
from study.pages.report.numbers import number
from study.records.arm_names import FULL, HEAD_ONLY, LORA
from study.words.arms import PROBE, arm_label, states_words
from study.words.phrases import capitalised, counted, listed, significant
from study.words.scores import measure_of, score

Record = Mapping[str, Any]

_KINDS = {HEAD_ONLY: "the head alone", LORA: "LoRA", FULL: "full fine-tuning"}
DROPPED = "dropped"
_EPOCH = (
    "Each run counts at the epoch that is best on validation. The linear probe has no rate: "
    "validation picked its states and C, the inverse of its penalty."
)


def unequal(record: Record) -> str | None:
    """Say which arms have one rate, so that gaps between arms may be gaps in training.

    None where every arm had several to pick from.

    Args:
        record: `metrics/learning_rate.json`.
    """
    alone = [arm for arm in record["arms"] if len(tried_rates(arm)) == 1]
    if not alone:
        return None
    kinds = dict.fromkeys(_KINDS[arm["arm"]] for arm in alone)
    which = "every arm" if len(alone) == len(record["arms"]) else listed(list(kinds))
    return (
        f"For {which} one rate was tried, so nothing was picked. Rates and epochs were not picked "
        "alike for all arms: a part of a gap to full fine-tuning may come from that."
    )


def learning_rate(record: Record, probe: Record) -> list[Html]:
    """Return the score on validation and test by learning rate, and what follows from them.

    Args:
        record: `metrics/learning_rate.json`; probe: the linear probe's entry of the summary.
    """
    one = one_rate(record) is not None
    shown = _by_arm(record, probe) if one else _by_rate(record, probe)
    return [
        shown,
        paragraph(_ratio(record)),
        *_nearest(record["exponent"]),
        *_forced(record["forced"]),
    ]


def _by_rate(record: Record, probe: Record) -> Html:
    """Return a row an arm, a column a rate, and a last one for the probe, which has none."""
    measure = measure_of(probe)
    rates = sorted({row["rate"] for arm in record["arms"] for row in tried_rates(arm)})
    head_only, *others = [
        [arm_label(arm["arm"], arm["rank"]), *(_cell(arm, rate, measure) for rate in rates), ""]
        for arm in record["arms"]
    ]
    accuracy = _both(*_of_probe(probe), measure)
    return table(
        _title(measure),
        ("Arm", *(f"{rate:g}" for rate in rates), "no rate"),
        [head_only, [_probe_label(probe), *[""] * len(rates), accuracy], *others],
        note=f"On validation, and below it on test. * of several the rate that validation picked. "
        f"{_EPOCH}{_dropped_note(record)}",
    )


def _by_arm(record: Record, probe: Record) -> Html:
    """Return a row an arm and rate: of one rate for LoRA a column each would be nearly empty."""
    rows: list[list[Text]] = []
    measure = measure_of(probe)
    for arm in record["arms"]:
        picked = {arm["best"]} if len(tried_rates(arm)) > 1 else set()
        rows += [
            [
                arm_label(arm["arm"], arm["rank"]),
                f"{row['rate']:g}{' *' * (row['rate'] in picked)}",
                *_written(row["validation"], row["test"], measure),
            ]
            for row in arm["rates"]
        ]
        rows += [
            [arm_label(arm["arm"], arm["rank"]), f"{row['rate']:g}", *_of_dropped(row, measure)]
            for row in arm.get("dropped", ())
        ]
        if arm["arm"] == HEAD_ONLY:
            accuracies = _written(*_of_probe(probe), measure)
            rows.append([_probe_label(probe), NOTHING, *accuracies])
    several = any(len(tried_rates(arm)) > 1 for arm in record["arms"])
    return table(
        _title(measure),
        ("Arm", "Learning rate", "Validation", "Test"),
        rows,
        note=("* of several the rate that validation picked. " if several else "")
        + f"{_EPOCH}{_dropped_note(record)}",
    )


def _cell(arm: Record, rate: float, measure: Measure) -> Text:
    for row in arm["rates"]:
        if row["rate"] == rate:
            picked = " *" if rate == arm["best"] and len(tried_rates(arm)) > 1 else ""
            return _both(row["validation"], row["test"], measure, picked)
    for row in arm.get("dropped", ()):
        if row["rate"] == rate:
            above, below = _of_dropped(row, measure)
            return Html(f'{text(above)}<span class="interval">{text(below)}</span>')
    return ""


def _of_dropped(row: Record, measure: Measure) -> tuple[str, str]:
    """Write the score by which a rate was dropped, and that it was."""
    if row["validation"] is None:
        return "diverged", DROPPED
    return _written(row["validation"], row["validation"], measure)[0], DROPPED


def _dropped_note(record: Record) -> str:
    gone = [row for arm in record["arms"] for row in arm.get("dropped", ())]
    if not gone:
        return ""
    shares = sorted({round(100 * row["step"] / row["steps"]) for row in gone})
    return (
        f" Dropped: early exit left it out after {listed(shares)} % of the steps, at the score on "
        "validation that is shown; it has none on test."
    )


def _both(validation: float, test: float, measure: Measure, picked: str = "") -> Html:
    """Write two scores in one cell, test below validation."""
    above, below = _written(validation, test, measure)
    return Html(f'{text(above + picked)}<span class="interval">{below}</span>')


def _written(validation: float, test: float, measure: Measure) -> tuple[str, str]:
    if measure.in_percent:
        return f"{100 * validation:.1f}", f"{100 * test:.1f}"
    return f"{validation:.3f}", f"{test:.3f}"


def _of_probe(probe: Record) -> tuple[float, float]:
    return probe[f"validation_{measure_of(probe).name}"], score(probe)


def _title(measure: Measure) -> str:
    return f"{capitalised(measure.words)} by learning rate{', %' if measure.in_percent else ''}"


def _probe_label(probe: Record) -> Html:
    """Name the linear probe, and below it the states and the penalty that validation picked."""
    picked = text(f"on {states_words(probe['state'])}, C = {probe['c']:g}")
    return Html(f'{text(arm_label(PROBE))}<span class="interval">{picked}</span>')


def _ratio(record: Record) -> str:
    """Say how LoRA's rates stand to full fine-tuning's."""
    ratios = [row["ratio"] for row in record["ratio_to_full"]]
    low, high = significant(min(ratios)), significant(max(ratios))
    between = low if low == high else f"{low} to {high}"
    expected = significant(record["ratio_expected"])
    reasons = dict.fromkeys(row["reason"] for row in record["ratio_to_full"] if row["reason"])
    ratio = f"LoRA's rate is {between} times full fine-tuning's"
    if between == "1":
        ratio = "LoRA's rate is full fine-tuning's own, a ratio of 1"
    if not reasons:
        return f"{ratio}; about {expected} is expected."
    why = "; ".join(reasons)
    return f"{ratio}. About {expected} is expected, but this is no test of it: {why}."


def _nearest(exponent: Record) -> list[Html]:
    """Say which prediction is nearest; the caption tells the exponent, or why there is none."""
    if "nearest" not in exponent:
        return []
    predicted = {row["scaling"]: row["exponent"] for row in exponent["predictions"]}
    note = f"; {exponent['note']}" if exponent["note"] else ""
    return [
        paragraph(
            f"The measured power is {number(exponent['value'])}. Of the predicted ones the nearest "
            f"is {number(predicted[exponent['nearest']])}, for alpha {exponent['nearest']}{note}."
        )
    ]


def _forced(forced: Any) -> list[Html]:
    """Return what turns over with each rate; the caption tells why where it cannot be told."""
    if isinstance(forced, Mapping):
        return []
    lines = []
    for row in forced:
        turned = row["turned_over"]
        words = f"With the rate {row['rate']:g} at every rank"
        if turned:
            items = "\n".join(f"<li>{text(capitalised(sentence))}.</li>" for sentence in turned)
            count = counted(len(turned), "conclusion")
            title = f"{words}, {count} would change"
            lines.append(folded(title, Html(f"<ul>\n{items}\n</ul>")))
        else:
            lines.append(paragraph(f"{words}, no conclusion would change."))
    return lines
