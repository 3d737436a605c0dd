"""The table of the arms, as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from study.analyses.results.summary import entries
from study.metrics.measure import ACCURACY, REGRESSION, Measure
from study.records.arm_names import LORA
from study.statistics.resampling import binomial_standard_error
from study.words import markdown
from study.words.arms import PROBE, arm_label, states_words
from study.words.scores import cell, column, digits, measure_in, measure_of, points_words, score
from study.words.text_table import align


def arms_table(summary: Mapping[str, Any]) -> str:
    """Return `metrics/summary.json` as a table for people, in percent, with a legend below."""
    measure, headline = measure_in(summary), summary["headline"]
    num_seeds = len(summary["seeds"])
    seeds = "One seed" if num_seeds == 1 else f"Means of {num_seeds} seeds"
    legend = [
        f"* the headline rank. {seeds}, {summary['test_sentences']:,} test sentences.",
        f"In brackets: {100 * summary['confidence']:g} % intervals over "
        f"{summary['interval']}{' crossed' if num_seeds > 1 else ' alone'}; gaps are paired.",
    ]
    if measure.name == ACCURACY:
        error = binomial_standard_error(score(headline), summary["test_sentences"])
        legend += [
            f"Binomial standard error of one run of the headline rank: {100 * error:.2f} points."
        ]
    fit = "ridge" if measure.task == REGRESSION else "logistic"
    legend += [
        f"Linear probe: a {fit} regression on {states_words(summary[PROBE]['state'])} of the "
        "frozen encoder, which",
        f"validation picked. It has no seeds: the interval of its {measure.words} is over "
        "sentences alone.",
    ]
    if points_words(measure):
        legend += [points_words(measure)]
    return "\n".join([*align([_columns(measure), *_rows(summary)]), "", *legend])


def markdown_table(summary: Mapping[str, Any]) -> str:
    """Return the rows of `arms_table` as a Markdown table."""
    return markdown.table(_columns(measure_in(summary)), _rows(summary))


def _columns(measure: Measure) -> tuple[str, ...]:
    return (
        "arm",
        column(measure),
        "gap to full, points",
        "learning rate",
        "trainable parameters",
        "share, %",
    )


def _rows(summary: Mapping[str, Any]) -> list[tuple[str, ...]]:
    headline = summary["headline"]["rank"]
    return [
        _row(_label(arm, rank, entry) + " *" * ((arm, rank) == (LORA, headline)), entry)
        for (arm, rank), entry in entries(summary).items()
    ]


def _label(arm: str, rank: int | None, entry: Mapping[str, Any]) -> str:
    """Name an arm, and of the linear probe the states that it reads."""
    return arm_label(arm, rank) + (f", {entry['state']}" if arm == PROBE else "")


def _row(label: str, entry: Mapping[str, Any]) -> tuple[str, ...]:
    gap = "-"
    if "gap_to_full" in entry:
        keys = ("gap_to_full", "gap_to_full_low", "gap_to_full_high")
        written = digits(measure_of(entry))
        mean, low, high = (f"{100 * entry[key]:+.{written}f}" for key in keys)
        gap = f"{mean} [{low}, {high}]"
    return (
        label,
        cell(entry),
        gap,
        f"{entry['learning_rate']:g}" if "learning_rate" in entry else "-",
        f"{entry['trainable_parameters']:,}",
        f"{100 * entry['trainable_share']:.3g}",
    )
