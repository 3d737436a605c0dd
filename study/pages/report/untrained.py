"""What did not train, said before anything is made of its scores, and how to train it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from study.analyses.undertraining.signs import (
    BEHIND_HEAD,
    HARDLY_LEARNED,
    NO_BETTER,
    STILL_LEARNING,
    told,
)
from study.metrics.measure import ACCURACY, Measure
from study.pages.report.html import Html, badge, table
from study.records.arm_names import FULL, HEAD_ONLY, LORA
from study.words.arms import PROBE, arm_label
from study.words.phrases import capitalised, listed, percent
from study.words.scores import measure_in

Record: TypeAlias = Mapping[str, Any]

BY_HEART = (
    "Where the training sentences were learned by heart, longer training does not help: it takes "
    "more sentences, to train on and to validate on (`data.train_size`, `data.validation_size`)."
)

_TOLD_FIRST = (HARDLY_LEARNED, NO_BETTER, BEHIND_HEAD, STILL_LEARNING)


def warnings(undertraining: Record) -> list[str]:
    """Return a sentence for each way in which arms did not train, and what to do; none if all did.

    The trained head counts only where it is the best head alone: else nothing is said of it.

    Args:
        undertraining: `metrics/undertraining.json`.
    """
    of = (undertraining["head_alone"], LORA, FULL)
    counted = [row for row in undertraining["arms"] if row["arm"] in of]
    lines = _no_gain(undertraining)
    for sign in _TOLD_FIRST:
        rows = [row for row in counted if _first(row) == sign]
        if rows:
            lines.append(
                f"{capitalised(_arms(rows, undertraining))} {_words(sign, rows, undertraining)}."
            )
    if any(not row["try"] for row in counted if not row["trained"]):
        lines.append(BY_HEART)
    if undertraining["settings"]:
        rates = ["learning_rates" in setting for setting in undertraining["settings"]]
        how = listed([*["longer"] * (not all(rates)), *["at other rates"] * any(rates)])
        lines.append(f"To train {how}: `{command(undertraining)}`.")
    return lines + _unnamed(undertraining)


def _unnamed(undertraining: Record) -> list[str]:
    """Say which classes arms never name, and how to compare by a metric that would show it."""
    by_class: dict[str, list[Record]] = {}
    shares: dict[str, float] = {}
    for row in undertraining["arms"]:
        for missed in row.get("never_names", ()):
            if row["arm"] in (LORA, FULL):
                by_class.setdefault(missed["class"], []).append(row)
                shares[missed["class"]] = missed["share"]
    if not by_class:
        return []
    lines = []
    for name, rows in by_class.items():
        ranks = [row["rank"] for row in rows if row["arm"] == LORA]
        arms = [f"LoRA of rank{'s' * (len(ranks) > 1)} {listed(ranks)}"] if ranks else []
        arms += ["full fine-tuning"] if any(row["arm"] == FULL for row in rows) else []
        share = f"{percent(shares[name])} of the validation sentences"
        lines.append(f"The class “{name}” ({share}) is never named by {listed(arms)}.")
    if measure_in(undertraining).name == ACCURACY:
        lines.append(
            "Accuracy hides that. To compare by a metric in which each class counts alike: "
            "`dvc exp run -S statistics.metric=macro_f1`."
        )
    return lines


def _no_gain(undertraining: Record) -> list[str]:
    """Say that LoRA may not be worth it, where no rank that trained clearly beats the head alone.

    Clearly: on validation by more than one paired standard error, as `BEHIND_HEAD` has it.
    """
    ranks = [row for row in undertraining["arms"] if row["arm"] == LORA and row["trained"]]
    signs = [sign for row in ranks for sign in row["signs"] if sign["name"] == BEHIND_HEAD]
    if not signs or any(-sign["value"] > sign["limit"] for sign in signs):
        return []
    which = "the linear probe" if undertraining["head_alone"] == PROBE else "the trained head"
    return [
        f"No rank of LoRA is clearly better on validation than the head alone ({which}). On this "
        "data the head alone may be all you need; more sentences to train on can change that."
    ]


def command(undertraining: Record) -> str:
    """Return the command that trains better what did not train."""
    settings = " ".join(f"-S {setting}" for setting in undertraining["settings"])
    return f"dvc exp run {settings}"


def signs_table(undertraining: Record) -> Html:
    """Return how every arm trained, sign by sign."""
    rows, measure = [], measure_in(undertraining)
    for row in undertraining["arms"]:
        signs = {sign["name"]: sign for sign in row["signs"]}
        rows.append(
            [
                arm_label(row["arm"], row["rank"]),
                f"{row['epochs']}",
                f"{row['steps']:,}",
                f"{row['last_loss']:.2f}",
                percent(max(0.0, signs[STILL_LEARNING]["value"])),
                measure.shown(row[f"validation_{measure.name}"]),
                badge("yes", "good") if row["trained"] else badge(_found(row, measure), "bad"),
            ]
        )
    return table(
        "Did every arm train?",
        (
            "Arm",
            "Epochs",
            "Steps",
            "Training loss at the end",
            "Share of its learning in the last quarter",
            f"Validation {measure.words}",
            "Trained",
        ),
        rows,
        note=f"Means over seeds. Guessing has a loss of {undertraining['guessing_loss']:.2f}. "
        + _guessing(undertraining, measure),
        words=(0, 6),
    )


def _found(row: Record, measure: Measure) -> str:
    return listed([told(sign, measure.name) for sign in row["found"]])


def _guessing(undertraining: Record, measure: Measure) -> str:
    """Say what one reaches on validation who reads no sentence."""
    commonest, said = undertraining["commonest"], []
    if commonest is not None:
        said.append(
            f"Always answering “{commonest['class']}” is right on {percent(commonest['share'])} of "
            "the validation sentences."
        )
    if "guessing" in undertraining:
        value = measure.shown(undertraining["guessing"])
        said.append(f"One who reads no sentence has a {measure.words} of {value} there.")
    return " ".join(said)


def _first(row: Record) -> str | None:
    return next((sign for sign in _TOLD_FIRST if sign in row["found"]), None)


def _arms(rows: Sequence[Record], undertraining: Record) -> str:
    """Name arms: LoRA at ranks 1 and 4, full fine-tuning and the head alone."""
    ranks = [row["rank"] for row in rows if row["arm"] == LORA]
    every = [row["rank"] for row in undertraining["arms"] if row["arm"] == LORA]
    names = []
    if ranks == every and len(every) > 1:
        names.append("LoRA at every rank")
    elif ranks:
        names.append(f"LoRA at rank{'s' if len(ranks) > 1 else ''} {listed(ranks)}")
    of = {FULL: "full fine-tuning", HEAD_ONLY: "the head alone"}
    names += [of[row["arm"]] for row in rows if row["arm"] in of]
    return listed(names)


def _words(sign: str, rows: Sequence[Record], undertraining: Record) -> str:
    many = len({row["arm"] for row in rows}) > 1  # LoRA at every rank is one
    if sign == HARDLY_LEARNED:
        losses = sorted(row["last_loss"] for row in rows)
        at = f"{losses[0]:.2f}"
        if f"{losses[-1]:.2f}" != at:
            at += f" to {losses[-1]:.2f}"
        return (
            f"hardly learned anything: the training loss ended at {at}, where guessing has "
            f"{undertraining['guessing_loss']:.2f}"
        )
    if sign == STILL_LEARNING:
        return f"{'were' if many else 'was'} still learning when training ended"
    if sign == NO_BETTER:
        if measure_in(undertraining).name != ACCURACY:
            return (
                f"{'are' if many else 'is'} not shown to do better than one who reads no sentence"
            )
        commonest = undertraining["commonest"]["class"]
        return (
            f"{'are' if many else 'is'} not shown to do better than one who always answers "
            f"“{commonest}”"
        )
    how = "right less often" if measure_in(undertraining).name == ACCURACY else "worse"
    return f"{'are' if many else 'is'} {how} on validation than the head alone"
