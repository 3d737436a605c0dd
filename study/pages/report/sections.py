"""The sections of the page that say what was found, from the rank to the linear model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from study.analyses.sufficiency.trend import FALL, INTERACTION, RISE, shown
from study.metrics.measure import Measure
from study.pages.figures.learning_rate import caption as rates_caption
from study.pages.figures.one_rate import one_rate
from study.pages.report import measures, tables
from study.pages.report.contents import titled
from study.pages.report.figures import pictured
from study.pages.report.html import Html, Text, folded, joined, paragraph
from study.pages.report.inputs import Study
from study.pages.report.rates import learning_rate, unequal
from study.pages.report.sharper import sharper
from study.pages.report.speed import speed
from study.pages.report.untrained import signs_table
from study.words.arms import PROBE
from study.words.phrases import capitalised, counted, margin
from study.words.scores import measure_in

Record = Mapping[str, Any]


def rank(study: Study) -> Html:
    """Show which rank is enough, and how sure that is."""
    record = study["sufficient_rank"]
    return titled(
        "rank",
        pictured("accuracy_vs_rank", study),
        pictured("sufficient_rank", study),
        tables.equivalence(record),
        _sharper(record),
        folded("How often each rank would be chosen, in numbers", tables.choice(record)),
        _trend(record["trend"], record["alpha"], measure_in(record)),
        tables.arms(study["summary"], record["recommended"]["rank"]),
        _unequal(study),
    )


def _sharper(record: Record) -> Html:
    found = record["sharper"]
    if "undefined" in found:
        return paragraph(f"The {found['measure']} is {found['undefined']}.", "note")
    return sharper(found, measure_in(record).words)


def _unequal(study: Study) -> Html | None:
    """Say beside gaps to full fine-tuning that arms were not tuned alike, where they were not."""
    said = unequal(study["learning_rate"])
    return None if said is None else paragraph(said, "note")


_TRENDS = {
    RISE: "Yes: these runs show a rise",
    FALL: "No: these runs show a fall",
    None: "We cannot say: these runs leave it open",
}


def _trend(trend: Record, alpha: float, measure: Measure) -> Html:
    """Say whether the score goes with the rank, and what the p values mean."""
    gets = "rises" if measure.higher else "gets better"
    if trend.get("reason"):
        return paragraph(
            f"We cannot say whether {measure.words} {gets} with the rank: {trend['reason']}."
        )
    rise, fall = trend["p_value"], trend["p_value_of_a_fall"]
    told = _TRENDS[shown(trend, alpha)]
    getting = "rise" if measure.higher else "get better"
    how = (
        f"Page's trend test puts the ranks in order within each seed. If the rank did not "
        f"matter, orders at least as clear as these would come up with a chance of "
        f"p = {rise:.2g} for a rise and p = {fall:.2g} for a fall. A trend counts as shown where "
        f"its p is {alpha / 2:.3g} or less: both directions are asked, and share {alpha:.3g}. A "
        f"larger p shows nothing, least of all that the ranks are alike. "
        f"{INTERACTION}"
    )
    return joined(
        [
            paragraph(f"Does {measure.words} {getting} with the rank? {told}."),
            folded("Details of the test", paragraph(how, "note")),
        ]
    )


def capacity(study: Study) -> Html:
    """Show whether small ranks lack room or were badly trained."""
    record = study["capacity"]
    meanings = [f"**{capitalised(name)}**: {words}." for name, words in record["meaning"].items()]
    return titled(
        "capacity",
        pictured("capacity", study),
        _near_and_short(record),
        tables.readings(record),
        _unequal(study),
        folded(
            "What the verdicts mean",
            paragraph("The first of these that is shown is given:", "note"),
            *(paragraph(words, "note") for words in meanings),
        ),
    )


def _near_and_short(record: Record) -> Html:
    """Say what the words of the list mean, and in which matrices there is room."""
    width = margin(record["margin"])
    matrices = counted(len(record["modules"]), "matrix", "matrices")
    return paragraph(
        f"Of each rank we ask two things. Does LoRA come within {width} of full fine-tuning? And "
        f"does full fine-tuning's own update, once it is cut down to this rank? If that one does, "
        f"the rank has room enough for what full fine-tuning learns, in the {matrices} that it "
        f"changes; LoRA adapts {len(record['target_modules'])} of them. An update falls short "
        f"where it is surely below full fine-tuning, and may be below it by more than {width}. The "
        f"verdict says why LoRA falls short, or that it does not. It can stay open where one of "
        f"the two questions has an answer. What is cut down had been tuned as a whole: where it "
        f"falls short, an update that is trained at that rank may not."
    )


def weights(study: Study) -> Html:
    """Show singular values and vectors of what was learned."""
    record = study["spectra"]
    return titled(
        "weights",
        pictured("spectra", study),
        tables.spectra(record),
        *(pictured(name, study) for name in ("similarity", "amplification", "intruders")),
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
    return titled(
        "rules", pictured("rules_of_thumb", study), measures.rules(study["rules_of_thumb"])
    )


def sameness(study: Study) -> Html:
    """Show whether models of one score are one model."""
    record = study["agreement"]
    return titled(
        "sameness",
        pictured("agreement", study),
        measures.agreement(record),
        pictured("calibration", study),
        None if "undefined" in record else measures.calibration(record),
    )


def training(study: Study) -> Html:
    """Show how training went, and what the learning rate does."""
    record = study["learning_rate"]
    with_one = one_rate(record) is not None  # then there is nothing to draw by rate
    return titled(
        "training",
        signs_table(study["undertraining"]),
        pictured("training_dynamics", study),
        _unequal(study),
        paragraph(rates_caption(record)) if with_one else pictured("learning_rate", study),
        *learning_rate(record, study["summary"][PROBE]),
    )


def cost(study: Study) -> Html:
    """Show what a point costs."""
    return titled(
        "cost",
        pictured("accuracy_vs_parameters", study),
        measures.cost(study["cost"]),
        speed(study.machine.get("cost")),
    )


def theory(study: Study) -> Html:
    """Show the linear model, whose optimum is known."""
    return titled(
        "theory",
        joined(pictured(name, study) for name in ("theory_bound", "theory_scalings")),
    )
