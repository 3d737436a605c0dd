"""The tables of the answer: the arms, the verdicts on every rank, and how often each is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from study.labels import LORA, arm_label
from study.report.answer import ranks_of
from study.report.html import NOTHING, Html, Text, badge, table, verdicts
from study.report.numbers import (
    accuracy_with_interval,
    gap_with_interval,
    number,
    part,
    signed,
)
from study.summary import entries
from study.words import capitalised, counted, listed, margin, rough

Record = Mapping[str, Any]


def arms(summary: Record) -> Html:
    """Return what every arm scored, and what it trained."""
    rows = [_arm_row(arm, rank, entry, summary) for (arm, rank), entry in entries(summary).items()]
    seeds = len(summary["seeds"])
    over = "seeds and sentences alike" if seeds > 1 else "sentences alone, since there is one seed"
    return table(
        "Every arm on the test sentences",
        (
            "Arm",
            "Test accuracy",
            "Gap to full fine-tuning, points",
            "Learning rate",
            "Trainable parameters",
            "Share of all",
        ),
        rows,
        note=f"Below each number: its {100 * summary['confidence']:g} % interval, over {over}; "
        f"gaps are paired. * the headline rank of the settings.",
    )


def _arm_row(arm: str, rank: int | None, entry: Record, summary: Record) -> list[Text]:
    headline = (arm, rank) == (LORA, summary["headline"]["rank"])
    gap: Text = NOTHING
    if "gap_to_full" in entry:
        keys = ("gap_to_full", "gap_to_full_low", "gap_to_full_high")
        gap = gap_with_interval(*(100 * entry[key] for key in keys))
    return [
        arm_label(arm, rank) + "\N{NO-BREAK SPACE}*" * headline,
        accuracy_with_interval(entry["test_accuracy"], entry["low"], entry["high"]),
        gap,
        f"{entry['learning_rate']:g}",
        f"{entry['trainable_parameters']:,}",
        part(entry["trainable_share"]),
    ]


def equivalence(record: Record) -> Html:
    """Return the verdict on every rank at every margin."""
    tests = record["equivalence"]
    rows = []
    for rank in ranks_of(record):
        found = [next(row for row in test["ranks"] if row["rank"] == rank) for test in tests]
        error = found[0]["standard_error"]
        difference = signed(found[0]["difference"], 2)
        spread = NOTHING if error is None else f"{error:.2f}"
        rows.append([str(rank), difference, spread, *(_verdict(row) for row in found)])
    margins = [test["margin"] for test in tests]
    smallest = [f"{rank_or_none(test['rank'])} at {margin(test['margin'])}" for test in tests]
    return table(
        "Is a rank equivalent to full fine-tuning?",
        (
            "Rank",
            "Difference, points",
            "Standard error",
            *(f"Within {margin(width)}" for width in margins),
        ),
        rows,
        note=f"Smallest rank shown to be equivalent: {listed(smallest)}. Two one-sided tests, each "
        f"question held to {100 * record['alpha']:.3g} % over all ranks by Holm's procedure; "
        f"«worse» and «better» are by more than the margin. Below what cannot be told stands "
        f"roughly what would show, with {100 * record['power']:g} % power, that a rank is "
        f"equivalent whose true difference is zero. A rank whose true difference is the one "
        f"measured takes more, and where that lies outside the margin no number would show it.",
        words=(0, *range(3, 3 + len(margins))),
    )


def rank_or_none(rank: int | None) -> str:
    """Name a rank, or say that there is none."""
    return "none" if rank is None else f"rank {rank}"


def _verdict(row: Record) -> Html:
    if row["verdict"] != "cannot be told":
        return badge(row["verdict"])
    needed = "if equal: more of both"
    for key, thing in (("seeds_needed", "seed"), ("sentences_needed", "sentence")):
        if row[key] is not None:
            needed = f"if equal: {counted(rough(row[key]), thing)}"
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
        note=f"Shares of resamples over {record['error_from']}, in percent.",
    )


def _chosen(share: float | None) -> str:
    return NOTHING if share is None else f"{100 * share:.0f}"


_TONES = {"badly trained": "bad", "room enough": "good", "uses its room better": "good"}


def readings(record: Record) -> Html:
    """Return what the comparison of cut-down updates says of every rank."""
    return verdicts(
        (
            badge(row["reading"], _TONES.get(row["reading"])),
            f"Rank {row['rank']}",
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
        ),
        rows,
        note=f"Means over matrices and seeds. {record['intruder_floor']['words']}",
    )
