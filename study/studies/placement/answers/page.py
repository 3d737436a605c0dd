"""The written parts of placement/README.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from study.studies.placement.answers import figure
from study.studies.placement.answers.words import verdicts
from study.words import markdown
from study.words.phrases import capitalised, counted
from study.words.scores import cell, column, digits, measure_in, points_words

Record = Mapping[str, Any]


def blocks(record: Record) -> dict[str, str]:
    """Return the generated parts by name, from `placement/metrics/placement.json`."""
    seen = figure.alternative(record), figure.caption(record)
    return {
        "answer": " ".join(record["answer"]["words"]),
        "figure": markdown.picture("plots/placement.png", *seen),
        "arms": f"{_arms(record)}\n\n{_legend(record)}",
        "pairs": "\n\n".join(
            (
                "At the same rank:",
                _pairs(record, "equal_rank"),
                "With about as many trained parameters:",
                _pairs(record, "equal_parameters"),
            )
        ),
        "claims": "\n".join(
            f"{markdown.claims([row])} Source: {row['source']}." for row in record["claims"]
        ),
    }


def _arms(record: Record) -> str:
    measure = measure_in(record)
    head = [
        *("LoRA in", "rank", "adapter's parameters", "learning rate", column(measure)),
        *("to full fine-tuning, points", "verdict"),
    ]
    rows = [
        [
            row["label"],
            str(row["rank"]),
            f"{row['adapter_parameters']:,}",
            _rate(row),
            cell(row),
            _gap(row["to_full"], digits(measure)),
            verdicts(row["to_full"]["verdicts"]),
        ]
        for row in record["arms"]
    ]
    return markdown.table(head, rows)


def _legend(record: Record) -> str:
    seeds = counted(len(record["seeds"]), "seed")
    over = "seeds and sentences" if len(record["seeds"]) > 1 else "sentences of one seed"
    main = record["main"]["label"]
    words = [
        f"{seeds}, {counted(record['test_sentences'], 'test sentence')}; in brackets "
        f"{100 * record['confidence']:g} % intervals over {over}. LoRA in {main} is the main "
        "study's, which judges its ranks itself. Validation picked each learning rate where there "
        "is more than one.",
        points_words(measure_in(record)),
        *(f"{capitalised(note)}." for note in record["notes"]),
        *(f"Left out: LoRA in {row['label']}, as {row['reason']}." for row in record["left_out"]),
    ]
    return " ".join(word for word in words if word)


def _pairs(record: Record, kind: str) -> str:
    rows: Sequence[Record] = record[kind]
    if not rows:
        return "None of the ranks can be compared in that way."
    labels = {(row["name"], row["rank"]): f"{row['label']}, rank {row['rank']}"
              for row in record["arms"]}  # fmt: skip
    written = digits(measure_in(record))
    head = ["LoRA in", "against LoRA in", "times its parameters", "difference, points", "verdict",
            "of the probability of the right class, points"]  # fmt: skip
    return markdown.table(
        head,
        [
            [
                *(labels[row[side]["name"], row[side]["rank"]] for side in ("one", "other")),
                f"{row['parameters']:.2f}",
                _gap(row, written),
                verdicts(row["verdicts"]),
                "-" if row["probability"] is None else _gap(row["probability"], 1),
            ]
            for row in rows
        ],
    )


def _rate(row: Record) -> str:
    tried = [f"{one['rate']:g}" for one in row["rates"]]
    own = f"{row['learning_rate']:g}"
    return own if len(tried) == 1 else f"{own} (of {', '.join(tried)})"


def _gap(row: Record, written: int) -> str:
    ends = ("?" if end is None else f"{end:+.{written}f}" for end in (row["low"], row["high"]))
    return f"{row['difference']:+.{written}f} [{', '.join(ends)}]"
