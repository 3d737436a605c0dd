"""The results README of instruction tuning, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from study.studies.instruct.answers import figure
from study.studies.instruct.answers.questions import TIME, per_cent
from study.words.phrases import counted, listed

Record = Mapping[str, Any]


def page(record: Record, seconds: Mapping[int, float]) -> str:
    """Write all that the comparison says.

    Args:
        record: all_results.json.
        seconds: measured, of a rank's stage where it is known; shown, and nothing decided by it.
    """
    return (
        "\n\n".join(
            [
                "# LoRA ranks in instruction tuning",
                "Written by `dvc repro instruct/dvc.yaml` from `all_results.json`; edits are lost.",
                _setting(record),
                *_dropped(record),
                f"![{figure.alternative(record)}](rank_comparison.png)",
                figure.caption(record),
                "## Results",
                _results(record, seconds),
                _notes(record, seconds),
                "## The four questions",
                _scope(record),
                *(_question(entry, seconds) for entry in record["questions"]),
                "## What was expected, and what came out",
                _hypotheses(record),
                "## What follows",
                _learned(record),
            ]
        )
        + "\n"
    )


def _setting(record: Record) -> str:
    made = "made by templates of labelled reviews in" if record["form"] == "reviews" else "from"
    text = (
        f"`{record['model']}` ({record['total_parameters'] / 1e6:.1f} million parameters, frozen) "
        f"was tuned on {counted(record['train_pairs'], 'instruction–response pair')} {made} "
        f"`{record['source']}`, with {counted(len(record['seeds']), 'seed')} for each rank. "
    )
    if record["system"] is not None:
        text += f"Before every instruction goes the message “{record['system']}” "
    text += (
        "Loss and perplexity are those of response tokens, "
        f"{record['test_response_tokens']:,} of them in {record['test_pairs']:,} held-out pairs. "
    )
    cut = {name: number for name, number in record["responses_cut"].items() if number}
    if cut:
        text += (
            f"Pairs end at {record['max_length']} tokens, which cuts responses short: "
            f"{listed([f'{number:,} in {name}' for name, number in cut.items()])}. "
        )
    text += (
        f"Intervals are at {record['confidence']:.0%}, over held-out pairs and, where there are "
        "several, seeds."
    )
    return text.replace("%", " %")


def _dropped(record: Record) -> list[str]:
    """Say what of the source was left out, in a paragraph, if anything was."""
    left = {reason: number for reason, number in record["dropped"].items() if number}
    if not left:
        return []
    told = [f"{number:,} ({reason.replace('_', ' ')})" for reason, number in left.items()]
    return [f"Left out of the source's {counted(record['rows'], 'row')}: {listed(told)}."]


def _scope(record: Record) -> str:
    """Say what verdicts are about, and which error rate they share."""
    runs = len(record["ranks"]) * len(record["seeds"])
    pairs = len(record["differences"])
    text = ""
    if len(record["seeds"]) == 1:
        text = (
            f"With one seed every verdict below is about {_these(runs)}, on other held-out pairs "
            "of this kind. Another seed's runs may come out otherwise. "
        )
    text += (
        f"A difference matters from {record['margin']:g} % of perplexity on (the first of "
        "`compare.margins`). A rank gains that much over another if the other's perplexity lies so "
        "far above its own. Numbers in brackets are intervals."
    )
    if pairs:
        alpha = 1 - record["confidence"]
        text += _folded(
            "How this was tested",
            f"The intervals of the {counted(pairs, 'difference')} between ranks are wide enough to "
            f"hold all together at {100 * record['confidence']:g} % (Bonferroni). All verdicts "
            "follow from them, so that this is the error rate of all questions together, in both "
            f"directions. Each p is one-sided and multiplied by {pairs}. Something is ruled out "
            f"where its p is {alpha / 2:.3g} or less.",
        )
    return text


def _folded(title: str, words: str) -> str:
    """Write a paragraph that a click on its title shows, in Markdown as GitHub renders it."""
    return f"\n\n<details><summary>{title}</summary>\n\n{words}\n\n</details>"


def _these(runs: int) -> str:
    return "this one run" if runs == 1 else f"these {runs} runs"


def _question(entry: Mapping[str, Any], seconds: Mapping[int, float]) -> str:
    answer = entry["answer"]
    if entry["question"] == TIME and len(seconds) > 1:
        first, last = min(seconds), max(seconds)
        more = 100 * (seconds[last] / seconds[first] - 1)
        answer += (
            f" Measured, once and on one machine: {seconds[first]:.0f} s at rank {first}, "
            f"{seconds[last]:.0f} s at rank {last}, {abs(more):.0f} % "
            f"{'more' if more >= 0 else 'less'}, of whole stages; the verdict is of operations."
        )
    return f"**{entry['question']}** {answer} *({entry['statement']}: {entry['verdict']}.)*"


def _results(record: Record, seconds: Mapping[int, float]) -> str:
    head = [
        "Rank",
        "Trained parameters",
        "Training loss, last epoch",
        "Held-out loss",
        "Perplexity",
    ]
    head += ["Token accuracy", "Operations"] + (["Seconds"] if seconds else [])
    before = record["before"]
    rows = [["before", "0", "–", *_level(before), "–"] + (["–"] if seconds else [])]
    for row in record["ranks"]:
        cells = [
            str(row["rank"]),
            f"{row['trainable_parameters']:,} ({100 * row['trainable_share']:.2f} %)",
            f"{row['last_epoch_train_loss']:.3f}",
            *_level(row),
            f"{row['operations']:.3g}",
        ]
        if seconds:
            known = seconds.get(row["rank"])
            cells.append("–" if known is None else f"{known:.0f}")
        rows.append(cells)
    return table(head, rows)


def _level(row: Mapping[str, Any]) -> list[str]:
    return [
        f"{row['test_loss']:.3f} ({row['low']:.3f} to {row['high']:.3f})",
        f"{row['test_perplexity']:.2f} ({row['perplexity_low']:.2f} to "
        f"{row['perplexity_high']:.2f})",
        f"{100 * row['test_token_accuracy']:.1f} %",
    ]


def _notes(record: Record, seconds: Mapping[int, float]) -> str:
    note = (
        "Shares are of base and adapter together. Ranks are compared on the same pairs and seeds, "
        "so their differences are far surer than these intervals suggest. Operations are "
        f"those of a run's matrix products, counted. {_rates(record['ranks'])}"
    )
    if seconds:
        note += " Seconds are those of whole stages, measured once; no verdict rests on them."
    return note


def _rates(rows: Sequence[Mapping[str, Any]]) -> str:
    tried = sorted({rate for row in rows for rate in row["learning_rates"]})
    if len(tried) == 1:
        return (
            f"One learning rate for all ranks: {tried[0]:g}. Nothing was picked, and at another "
            "rate ranks may compare otherwise."
        )
    picked = listed([f"{row['learning_rate']:g} at rank {row['rank']}" for row in rows])
    return f"Learning rates, picked on validation: {picked}."


def _hypotheses(record: Record) -> str:
    rows = [
        [entry["about"], entry["expected"], f"**{entry['verdict']}**", entry["evidence"]]
        for entry in record["hypotheses"]
    ]
    note = "Margin, intervals and p values are those explained above the questions."
    if len(record["seeds"]) == 1:
        note += f" One seed: {_these(len(record['ranks']))}, no others."
    return table(["About", "Expected", "Verdict", "Evidence"], rows) + "\n\n" + note


def _learned(record: Record) -> str:
    rows = record["ranks"]
    best = max(rows, key=lambda row: row["over_before"]["gain"])
    over = best["over_before"]
    lines = [
        f"Tuning lowers perplexity by {-per_cent(-over['gain']):.0f} % at rank {best['rank']} "
        f"({-per_cent(-over['low']):.0f} % to {-per_cent(-over['high']):.0f} %)."
    ]
    if len(rows) > 1:
        gains = [row["over_before"]["gain"] for row in rows]
        spread = max(gains) - min(gains)
        lines.append(
            f"The worst rank's perplexity lies {per_cent(spread):.1f} % above the best one's."
        )
    untold = [
        entry["about"] for entry in record["hypotheses"] if entry["verdict"] == "cannot be told"
    ]
    if untold:
        lines.append(
            f"To settle what cannot be told ({listed(untold)}), take more held-out pairs "
            "(`data.test_size`), more seeds (`seeds`), or the ranks that are named."
        )
    return "\n".join(f"- {line}" for line in lines)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)
