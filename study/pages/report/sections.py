"""The sections of the page that say what was found, from the rank to the linear model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from study.pages.figures.learning_rate import caption as rates_caption
from study.pages.figures.one_rate import one_rate
from study.pages.report import measures, tables
from study.pages.report.contents import titled
from study.pages.report.figures import drawn
from study.pages.report.html import Html, Text, folded, joined, paragraph
from study.pages.report.inputs import Study
from study.pages.report.rates import learning_rate
from study.pages.report.speed import speed
from study.words.phrases import capitalised, counted, margin

Record = Mapping[str, Any]


def rank(study: Study) -> Html:
    """Show which rank is enough, and how sure that is."""
    record = study["sufficient_rank"]
    return titled(
        "rank",
        drawn("accuracy_vs_rank", study),
        drawn("sufficient_rank", study),
        tables.equivalence(record),
        folded("How often each rank would be chosen, in numbers", tables.choice(record)),
        _trend(record["trend"], record["alpha"]),
        tables.arms(study["summary"], record["recommended"]["rank"]),
    )


def _trend(trend: Record, alpha: float) -> Html:
    """Say whether accuracy goes with the rank, and what the p values mean."""
    if trend.get("reason"):
        return paragraph(f"Whether accuracy rises with the rank cannot be told: {trend['reason']}.")
    rise, fall = trend["p_value"], trend["p_value_of_a_fall"]
    shown = "neither a rise nor a fall is shown"
    if min(rise, fall) <= alpha:
        shown = f"a {'rise' if rise < fall else 'fall'} is shown"
    return paragraph(
        f"Does accuracy rise with the rank? At the {100 * alpha:.3g} % level, {shown}. Page's "
        f"test, which puts the ranks in order within each seed, gives p = {rise:.2g} for a rise "
        f"and p = {fall:.2g} for a fall: the chance of orders at least so clear if the rank made "
        f"no difference."
    )


def capacity(study: Study) -> Html:
    """Show whether small ranks lack room or were badly trained."""
    record = study["capacity"]
    meanings = [f"**{capitalised(name)}**: {words}." for name, words in record["meaning"].items()]
    return titled(
        "capacity",
        drawn("capacity", study),
        _near_and_short(record),
        tables.readings(record),
        paragraph("The verdicts, of which the first that is shown holds:", "note"),
        *(paragraph(words, "note") for words in meanings),
    )


def _near_and_short(record: Record) -> Html:
    """Say what the words of the list mean, and in which matrices there is room."""
    width = margin(record["margin"])
    matrices = counted(len(record["modules"]), "matrix", "matrices")
    return paragraph(
        f"An update is near full fine-tuning where it is shown to be less than {width} below it, "
        f"short where it is shown to be below it and not near. A rank at which full fine-tuning's "
        f"update cut to it is near has room, in the {matrices} that full fine-tuning changes, of "
        f"which LoRA adapts {len(record['target_modules'])}. The verdict says why LoRA is short, "
        f"or that it is not; it can be open where one half is told."
    )


def weights(study: Study) -> Html:
    """Show singular values and vectors of what was learned."""
    record = study["spectra"]
    return titled(
        "weights",
        drawn("spectra", study),
        tables.spectra(record),
        *(drawn(name, study) for name in ("similarity", "amplification", "intruders")),
        *_notes(record["notes"]),
        *_notes(record["reasons"]),
    )


def _notes(words: Mapping[str, str]) -> list[Text]:
    return [
        paragraph(f"**{capitalised(name.replace('_', ' '))}**: {_plain(said)}.", "note")
        for name, said in words.items()
    ]


def _plain(said: str) -> str:
    """Return a record's note without the keys that it names in brackets, for who reads the file."""
    return re.sub(r" \(\w+_\w+\)", "", said).rstrip(".")


def rules(study: Study) -> Html:
    """Score the rules of thumb."""
    return titled("rules", drawn("rules_of_thumb", study), measures.rules(study["rules_of_thumb"]))


def sameness(study: Study) -> Html:
    """Show whether models of one accuracy are one model."""
    record = study["agreement"]
    return titled(
        "sameness",
        drawn("agreement", study),
        measures.agreement(record),
        drawn("calibration", study),
        measures.calibration(record),
    )


def training(study: Study) -> Html:
    """Show how training went, and what the learning rate does."""
    record = study["learning_rate"]
    with_one = one_rate(record) is not None  # then there is nothing to draw by rate
    return titled(
        "training",
        drawn("training_dynamics", study),
        paragraph(rates_caption(record)) if with_one else drawn("learning_rate", study),
        *learning_rate(record),
    )


def cost(study: Study) -> Html:
    """Show what a point of accuracy costs."""
    return titled(
        "cost",
        drawn("accuracy_vs_parameters", study),
        measures.cost(study["cost"]),
        speed(study.machine.get("cost")),
    )


def theory(study: Study) -> Html:
    """Show the linear model, whose optimum is known."""
    return titled(
        "theory",
        joined(drawn(name, study) for name in ("theory_bound", "theory_scalings")),
    )
