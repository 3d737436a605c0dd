"""The written parts of methods/README.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from study.studies.methods.pages import figure, marks, table
from study.studies.methods.pages.orders import orders
from study.words import markdown

Record = Mapping[str, Any]


def blocks(record: Record, machine: Record | None) -> dict[str, str]:
    """Return the generated parts by name.

    Args:
        record: `methods/metrics/comparison.json`; machine: `methods/metrics/machine/`'s, if any.
    """
    picture = f"![{figure.alternative(record)}](plots/methods.png)"
    return {
        "accuracy": f"{table.markdown_quality(record)}\n\n{figure.caption(record)}",
        "picture": picture,
        "cost": table.markdown_cost(record, machine),
        "legend": _points(table.legend(record, machine)),
        "claims": markdown.claims(record["claims"]),
        "words": marks.words_table(record, machine),
        "orders": _points(orders(record, machine)),
        "aspects": marks.aspects_table(record, machine),
    }


def _points(sentences: list[str]) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences)
