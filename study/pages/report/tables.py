"""The tables of the answer: the arms, the verdicts on every rank, and how often each is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from study.analyses.capacity.readings import NEAR, SHORT, UNCLEAR
from study.analyses.results.summary import entries
from study.analyses.sufficiency.foreseen import OUT_OF_REACH
from study.metrics.measure import REGRESSION
from study.pages.report.answer import ranks_of
from study.pages.report.html import (
    NOTHING,
    Html,
    Text,
    badge,
    folded,
    joined,
    paragraph,
    table,
    text,
    verdicts,
)
from study.pages.report.numbers import (
    gap_with_interval,
    number,
    part,
    score_with_interval,
    signed,
)
from study.records.arm_names import HEAD_ONLY, LORA
from study.words.arms import PROBE, arm_label, states_words
from study.words.phrases import capitalised, counted, listed, margin, rough
from study.words.scores import digits, measure_in, measure_of, points_words

Record = Mapping[str, Any]


def arms(summary: Record, recommended: int | None) -> Html:
    """Return what every arm scored, and what it trained; two ranks are marked.

    Args:
        recommended: the rank that the study recommends, None if no rank trained.
    """
    rows = [
        [_named(arm, rank, summary, recommended), *_arm_row(entry)]
        for (arm, rank), entry in entries(summary).items()
    ]
    seeds, measure = len(summary["seeds"]), measure_in(summary)
    fit = "ridge" if measure.task == REGRESSION else "logistic"
    points = f" {points_words(measure)}".rstrip()
    over = "seeds and sentences alike" if seeds > 1 else "sentences alone, since there is one seed"
    return table(
        "Every arm on the test sentences",
        (
            "Arm",
            f"Test {measure.words}",
            "Gap to full fine-tuning, points",
            "Learning rate",
            "Trainable parameters",
            "Share of all",
        ),
        rows,
        note=f"Below each number: its {100 * summary['confidence']:g} % interval, over {over}. A "
        f"gap compares two arms on the same seeds and sentences. Headline: the rank that the "
        f"settings name beforehand. Recommended: the rank that validation picked. Linear probe: a "
        f"{fit} regression on the frozen encoder's states; validation picked which. It has no "
        f"seeds, so the interval of its {measure.words} is over sentences alone. Best head alone: "
        f"head only or the linear probe, whichever is better on validation.{points}",
    )


def _named(arm: str, rank: int | None, summary: Record, recommended: int | None) -> Text:
    named = (("recommended", recommended), ("headline", summary["headline"]["rank"]))
    of_rank = [name for name, of in named if of is not None and (arm, rank) == (LORA, of)]
    marks = listed(of_rank)
    if arm in (HEAD_ONLY, PROBE):
        reads = [f"on {states_words(summary[PROBE]['state'])}"] if arm == PROBE else []
        best = ["the best head alone"] if arm == summary["head_alone"] else []
        marks = ", ".join(reads + best)
    label = arm_label(arm, rank)
    return Html(f'{text(label)}<span class="interval">{marks}</span>') if marks else label


def _arm_row(entry: Record) -> list[Text]:
    gap: Text = NOTHING
    if "gap_to_full" in entry:
        keys = ("gap_to_full", "gap_to_full_low", "gap_to_full_high")
        written = digits(measure_of(entry))
        points, low, high = (100 * entry[key] for key in keys)
        gap = gap_with_interval(points, low, high, written)
    return [
        score_with_interval(entry),
        gap,
        f"{entry['learning_rate']:g}" if "learning_rate" in entry else NOTHING,
        f"{entry['trainable_parameters']:,}",
        part(entry["trainable_share"]),
    ]


def equivalence(record: Record) -> Html:
    """Return the verdict on every rank at every margin."""
    tests = record["equivalence"]
    margins = [test["margin"] for test in tests]
    within_reach = [test.get("foreseen", 1.0) >= OUT_OF_REACH for test in tests]
    rows, written = [], digits(measure_in(record))
    for rank in ranks_of(record):
        found = [next(row for row in test["ranks"] if row["rank"] == rank) for test in tests]
        error = found[0]["standard_error"]
        difference = text(signed(found[0]["difference"], 1 + written))
        if error is not None:
            difference = Html(
                f'{difference}<span class="interval">± {error:.{1 + written}f}</span>'
            )
        verdicts_of = zip(found, within_reach, strict=True)
        rows.append([str(rank), difference, *(_verdict(row, asked) for row, asked in verdicts_of)])
    smallest = [f"{rank_or_none(test['rank'])} at {margin(test['margin'])}" for test in tests]
    verdicts_table = table(
        "Is a rank equivalent to full fine-tuning?",
        (
            "Rank",
            "Difference, points",
            *(f"Within {margin(width)}" for width in margins),
        ),
        rows,
        note=f"Equivalent: shown to be within the margin of full fine-tuning. Worse, better: shown "
        f"to be beyond it. The smallest equivalent rank: {listed(smallest)}. Below each difference "
        f"stands its standard error. “Would settle it” is said of a rank that truly equals full "
        f"fine-tuning; one that differs takes more. Out of reach: with so few seeds and sentences "
        f"even a rank that truly equals full fine-tuning would hardly ever be shown to.",
        words=(0, *range(2, 2 + len(margins))),
    )
    how = (
        f"Each margin is tested with two one-sided tests at {100 * record['alpha']:.3g} %, for all "
        f"ranks of a column together (Holm's procedure). What “would settle it” is reckoned for a "
        f"rank that truly equals full fine-tuning, so that it would be shown equivalent in "
        f"{100 * record['power']:g} of 100 studies. A true gap that is wider than the margin is "
        f"not within it, however much is measured."
    )
    return joined([verdicts_table, folded("Details of the test", paragraph(how, "note"))])


def rank_or_none(rank: int | None) -> str:
    """Name a rank, or say that there is none."""
    return "none" if rank is None else f"rank {rank}"


def _verdict(row: Record, asked: bool) -> Html:
    if row["verdict"] != "cannot be told":
        return badge(row["verdict"])
    if not asked:
        return Html('<span class="interval">out of reach, so not asked</span>')
    needed = "seeds alone or sentences alone would not settle it"
    for key, thing in (("seeds_needed", "seed"), ("sentences_needed", "sentence")):
        if row[key] is not None:
            needed = f"{counted(rough(row[key]), thing)} would settle it"
            break
    return Html(f'{badge(row["verdict"])}<span class="interval">{needed}</span>')


def choice(record: Record) -> Html:
    """Return how often each rule would choose each rank."""
    ranks = [str(rank) for rank in ranks_of(record)]
    rules = record["choice"]
    names = [*ranks, *(["none"] if any("none" in shares for shares in rules.values()) else [])]
    rows = [
        [rule, *(_chosen(shares.get(name)) for name in names)] for rule, shares in rules.items()
    ]
    return table(
        "How often each rank would be chosen",
        (
            "Rule",
            *(name if name == "none" else f"rank {name}" for name in names),
        ),
        rows,
        note=f"In percent. We drew {record['error_from']} again from those that we have, with "
        f"repeats, many times over: so often each rule picked each rank.",
    )


def _chosen(share: float | None) -> str:
    return NOTHING if share is None else f"{100 * share:.0f}"


_TONES = {"badly trained": "bad", "room enough": "good", "uses its room better": "good"}

_IS = {
    NEAR: "{} comes within {} of full fine-tuning",
    SHORT: "{} falls short of full fine-tuning",
    UNCLEAR: "we cannot say whether {} falls short",
}
_CUT = "full fine-tuning's own update, cut down to this rank,"


def readings(record: Record) -> Html:
    """Return what the comparison of cut-down updates says of every rank."""
    within = margin(record["margin"])
    return verdicts(
        (
            badge(row["reading"], _TONES.get(row["reading"])),
            f"Rank {row['rank']}: {_IS[row['lora_is']].format('LoRA', within)}. "
            f"{capitalised(_IS[row['truncated_is']].format(_CUT, within))}.",
            f"{capitalised(row['reason'])}.",
        )
        for row in record["readings"]
    )


def spectra(record: Record) -> Html:
    """Return means over the adapted matrices and seeds, by arm."""
    rows = [
        [
            arm_label(row["arm"], row["rank"]),
            part(row["relative_norm"]),
            number(row["energy_rank"]),
            number(row["effective_rank"]),
            number(row["stable_rank"]),
            number(row["amplification"]),
            number(row["intruders"]),
            number(row["intruders_random"]),
        ]
        for row in record["summary"]
    ]
    energy = 100 * record["settings"]["energy"]
    return table(
        "The updates of the adapted matrices",
        (
            "Update of",
            "Norm, of the pretrained weight's",
            f"Rank of {energy:g} % energy",
            "Effective rank",
            "Stable rank",
            "Amplification",
            "Intruders in the first ten",
            "Of a random update as large",
        ),
        rows,
        note="Means over matrices and seeds. Each update is a matrix; its singular values say how "
        f"much it does in each direction. Rank of {energy:g} % energy: how many directions hold "
        f"{energy:g} % of the squared singular values. Effective and stable rank: two other ways "
        "to count the directions that matter, by entropy and by the largest one. Amplification: "
        "how large the update is beside what the pretrained weight does between the same "
        "directions. Both it and the count of intruders grow with the size of the update, so they "
        "do not compare arms whose updates differ in size. Beside the count stands that of random "
        "updates with the same singular values, one for each matrix and seed. "
        f"{record['intruder_floor']['words']}",
    )
