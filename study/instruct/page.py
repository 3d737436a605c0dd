"""The results README of instruction tuning, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from study.figures import rank_comparison
from study.instruct.questions import per_cent
from study.words import counted, listed

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
                f"![{rank_comparison.alternative(record)}](rank_comparison.png)",
                rank_comparison.caption(record),
                "## Results",
                _results(record, seconds),
                _notes(record, seconds),
                "## The four questions",
                *(
                    f"**{entry['question']}** {entry['answer']} "
                    f"*({entry['statement']}: {entry['verdict']}.)*"
                    for entry in record["questions"]
                ),
                "## What was expected, and what came out",
                _hypotheses(record),
                "## What follows",
                _learned(record),
            ]
        )
        + "\n"
    )


def _setting(record: Record) -> str:
    return (
        f"`{record['model']}` ({record['total_parameters'] / 1e6:.1f} million parameters, frozen) "
        f"was tuned on {counted(record['train_pairs'], 'instruction–response pair')} from "
        f"`{record['source']}`, with {counted(len(record['seeds']), 'seed')} for each rank. Loss "
        "and perplexity are those of response tokens, "
        f"{record['test_response_tokens']:,} of them in {record['test_pairs']:,} held-out pairs. "
        f"Intervals are at {record['confidence']:.0%} over pairs and, where there are several, "
        "seeds; with one seed they say nothing of another seed's run."
    ).replace("%", " %")


def _results(record: Record, seconds: Mapping[int, float]) -> str:
    head = ["Rank", "Trained parameters", "Last training loss", "Held-out loss", "Perplexity"]
    head += ["Right tokens", "Operations"] + (["Seconds"] if seconds else [])
    before = record["before"]
    rows = [["before", "0", "–", *_level(before), "–"] + (["–"] if seconds else [])]
    for row in record["ranks"]:
        cells = [
            str(row["rank"]),
            f"{row['trainable_parameters']:,} ({100 * row['trainable_share']:.2f} %)",
            f"{row['final_train_loss']:.3f}",
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
    rates = {row["rank"]: row["learning_rate"] for row in record["ranks"]}
    note = (
        "Differences between ranks are paired by pair and seed, and so much surer than the levels' "
        "intervals look. Operations are those of a run's matrix products, counted. Learning rates, "
        f"picked on validation: {listed([f'{v:g} at rank {r}' for r, v in rates.items()])}."
    )
    if seconds:
        note += " Seconds are those of whole stages on one machine; nothing rests on them."
    return note


def _hypotheses(record: Record) -> str:
    rows = [
        [entry["about"], entry["expected"], f"**{entry['verdict']}**", entry["evidence"]]
        for entry in record["hypotheses"]
    ]
    note = (
        f"What matters is a margin of {record['margin']:g} % of perplexity, set beforehand; a "
        "verdict needs a test at it, all pairs of ranks held to one error rate together (Holm). "
        "Gains are followed by their intervals."
    )
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
        end = ""
        if spread < over["gain"] / 10:
            end = ": that the model is tuned matters, at which of these ranks hardly"
        lines.append(
            f"The worst rank's perplexity lies {per_cent(spread):.1f} % above the best one's{end}."
        )
    untold = [
        entry["about"] for entry in record["hypotheses"] if entry["verdict"] == "cannot be told"
    ]
    if untold:
        lines.append(
            f"What cannot be told ({listed(untold)}) takes more held-out pairs "
            "(`data.test_size`), more seeds (`seeds`), or the ranks that are named."
        )
    return "\n".join(f"- {line}" for line in lines)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)
