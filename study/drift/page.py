"""The written part of drift/README.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from study import markdown
from study.labels import arm_label
from study.words import counted, percent

_HEAD = ("arm", "KL from the base, nats", "change of state", "out of domain, %", "in domain, %")


def blocks(record: Mapping[str, Any]) -> dict[str, str]:
    """Return the generated parts by name, from `drift/metrics/drift.json`."""
    return {"drift": _table(record), "claims": markdown.claims(record["claims"])}


def _table(record: Mapping[str, Any]) -> str:
    rows = []
    for row in record["arms"]:
        cells = [
            markdown.with_interval(row[key], scale, digits) if key in row else "-"
            for key, scale, digits in (
                ("kl", 1, 3),
                ("change", 1, 3),
                ("out_of_domain", 100, 1),
                ("in_domain", 100, 1),
            )
        ]
        rows.append([arm_label(row["arm"], row["rank"]), *cells])
    text, measures = record["text"], record["measures"]
    over = "sentences of one seed" if len(record["seeds"]) == 1 else "seeds and sentences"
    legend = [
        f"General text: {counted(record['sentences'], 'sentence')} of {text['name']}, cut to "
        f"{text['max_length']} tokens ({percent(text['truncated_share'])} of them were longer); "
        f"in domain: {counted(record['test_sentences'], 'test sentence')}. "
        f"{counted(len(record['seeds']), 'seed')}; in brackets {100 * record['confidence']:g} % "
        f"intervals over {over}.",
        f"KL: {measures['kl']}.",
        f"Change: {measures['change']}.",
    ]
    if text["without_labels"] is not None:
        legend.append(f"No accuracy out of domain: {text['without_labels']}.")
    return "\n\n".join([markdown.table(_HEAD, rows), *legend])
