"""The written part of drift/README.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from study.studies.drift.answers import figure
from study.words import markdown
from study.words.arms import arm_label
from study.words.phrases import counted, percent

_LESS = "full minus it, points"
_HEAD = (
    "arm",
    "learning rate",
    "KL from the base, nats",
    "change of state",
    "out of domain, %",
    _LESS,
    "in domain, %",
    _LESS,
)


def blocks(record: Mapping[str, Any]) -> dict[str, str]:
    """Return the generated parts by name, from `drift/metrics/drift.json`."""
    seen = figure.alternative(record), figure.caption(record)
    return {
        "figure": markdown.picture("plots/drift.png", *seen),
        "drift": _table(record),
        "claims": markdown.claims(record["claims"]),
    }


def _table(record: Mapping[str, Any]) -> str:
    rows = []
    for row in record["arms"]:
        cells = [markdown.with_interval(row[measure]) for measure in ("kl", "change")]
        for measure in ("out_of_domain", "in_domain"):
            less = row.get("full_less", {})
            cells += [
                markdown.with_interval(row[measure], 100, 1) if measure in row else "-",
                markdown.with_interval(less[measure], 1, 1) if measure in less else "-",
            ]
        name = arm_label(row["arm"], row["rank"])
        rows.append([name, f"{row['learning_rate']:g}", *cells])
    text, measures = record["text"], record["measures"]
    over = "sentences of one seed" if len(record["seeds"]) == 1 else "seeds and sentences"
    legend = [
        f"General text: {counted(record['sentences'], 'sentence')} of {text['name']}, cut to "
        f"{text['max_length']} tokens ({percent(text['truncated_share'])} of them were longer). "
        f"{counted(text['in_study'], 'drawn sentence')} left out, since the study reads the same "
        f"or near-duplicates. In domain: {counted(record['test_sentences'], 'test sentence')}. "
        f"{counted(len(record['seeds']), 'seed')}; in brackets {100 * record['confidence']:g} % "
        f"intervals over {over}. Full minus it: accuracy of full fine-tuning minus the rank's, on "
        "the same seeds and sentences.",
        f"KL: {measures['kl']}.",
        f"Change: {measures['change']}.",
    ]
    if text["without_labels"] is not None:
        legend.append(f"No accuracy out of domain: {text['without_labels']}.")
    return "\n\n".join([markdown.table(_HEAD, rows), *legend])
