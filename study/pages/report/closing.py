"""The end of the page: data, settings, hardware, and how to make it all again."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from study.pages.report.contents import titled
from study.pages.report.html import (
    NOTHING,
    Html,
    Text,
    code,
    commands,
    facts,
    paragraph,
    subsection,
    table,
)
from study.pages.report.inputs import MACHINE, Study
from study.pages.report.numbers import number, stored
from study.words.batches import BATCHES
from study.words.phrases import listed

Record = Mapping[str, Any]


def data(study: Study) -> Html:
    """Show what was trained and tested on."""
    record = study["data"]
    rows: list[list[Text]] = []
    for name, split in record["splits"].items():
        balance = _balance(split)
        rows.append(
            [
                name.capitalize(),
                f"{split['sentences']:,}",
                balance,
                number(split["length_mean"]),
                f"{split['length_max']:,}",
                f"{100 * split['truncated_share']:.1f}",
            ]
        )
    return titled(
        "data",
        table(
            "The splits",
            (
                "Split",
                "Sentences",
                "Labels, mean (deviation)" if "task" in record else "Share of a class, %",
                "Mean length, tokens",
                "Longest, tokens",
                "Cut off, %",
            ),
            rows,
        ),
        *_pairing(record),
        *(_source(name, source) for name, source in record["sources"].items()),
        paragraph(
            f"The model computed batches as {BATCHES[record['batching']]}. Before training this "
            "was held against transformers' own pass, logits and gradients.",
            "note",
        ),
    )


_KEPT_TOGETHER = {
    "apart": "Pairs that share a text, or of which a text quotes one of the other's",
    "may_repeat": "Only pairs that have both texts in common, or quote both of the other's",
}


def _pairing(record: Record) -> list[Html]:
    """Say what a sentence is where each is two texts."""
    if "pairs_of" not in record:
        return []
    columns = listed([f"`{column}`" for column in record["pairs_of"]])
    return [
        paragraph(
            f"Each sentence is a pair of texts, {columns}, which the model reads together, as its "
            f"tokenizer puts them. {_KEPT_TOGETHER[record.get('pair_halves', 'apart')]}, stand in "
            "one split.",
            "note",
        )
    ]


def _balance(split: Record) -> str:
    """Say how the labels lie: the smallest and largest share, or their mean and deviation."""
    if "class_shares" not in split:
        return f"{number(split['label_mean'])} ({number(split['label_deviation'])})"
    shares = list(split["class_shares"].values())
    return f"{100 * min(shares):.1f} to {100 * max(shares):.1f}"


def _source(name: str, source: Record) -> Html:
    dropped = [
        f"{count:,} {why.replace('_', ' ')}" for why, count in source["dropped"].items() if count
    ]
    words = f"dropped: {listed(dropped)}" if dropped else "nothing was dropped"
    label = "" if name == "main" else f"{name.capitalize()} sentences: "
    return paragraph(
        f"{label}`{source['name']}`, {source['rows']:,} rows, {words}; "
        f"{source['sentences']:,} sentences were left.",
        "note",
    )


def settings(study: Study) -> Html:
    """Show every setting, as params.yaml has them."""
    plain: dict[str, Any] = {}
    sections: dict[str, Record] = {}
    for name, value in study.settings.items():
        (sections if isinstance(value, Mapping) else plain)[name] = value
    parts = [facts(_pairs(plain), "settings")]
    parts += [subsection(name, facts(_pairs(own), "settings")) for name, own in sections.items()]
    columns = "\n".join(f"<div>{part}</div>" for part in parts)
    return titled("settings", Html(f'<div class="columns">\n{columns}\n</div>'))


def _pairs(own: Record) -> list[tuple[Text, Text]]:
    return [(name, code(_setting(value))) for name, value in own.items()]


def _setting(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_setting(of)}" for name, of in value.items())
    if isinstance(value, list | tuple):
        if value and all(isinstance(item, list | tuple) for item in value):
            return ", ".join(f"{column}: {_setting(of)}" for column, of in value)  # data.where
        return f"[{', '.join(_setting(item) for item in value)}]"
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value)


def machine(study: Study) -> Html:
    """Show what the study ran on, as far as it was noted."""
    files = {name: row for name, row in study.machine.items() if "versions" in row}
    if not files:
        return titled(
            "machine",
            paragraph(
                f"Nothing is known of the machine: there is no file in `{MACHINE}/`.", "missing"
            ),
        )
    found = {
        "Device": [row.get("device") for row in files.values()],
        "Precision": [row.get("precision") for row in files.values()],
        "Threads": [row.get("threads") for row in files.values()],
        "Python": [row.get("python") for row in files.values()],
    }
    packages = sorted({name for row in files.values() for name in row["versions"]})
    for package in packages:
        found[package] = [row["versions"].get(package) for row in files.values()]
    rows = [
        [
            name,
            NOTHING if row.get("seconds") is None else f"{row['seconds']:,.0f}",
            stored(row.get("peak_memory_bytes")),
            stored(row.get("peak_gpu_memory_bytes")),
        ]
        for name, row in sorted(files.items(), key=lambda item: _natural(item[0]))
    ]
    return titled(
        "machine",
        paragraph(
            "As the machine was on which each stage last ran. Another machine gives other numbers "
            "here and wherever time or memory was measured; no other number depends on it."
        ),
        facts([(name, _distinct(values)) for name, values in found.items()]),
        table(
            "Time and memory by stage",
            ("Stage", "Seconds", "Peak memory", "Peak GPU memory"),
            rows,
        ),
    )


def _natural(name: str) -> list[tuple[int, str]]:
    """Return a key by which lora-r2 comes before lora-r16."""
    return [(int(part or 0), word) for word, part in re.findall(r"(\D+)(\d*)", name)]


def _distinct(values: Sequence[Any]) -> str:
    return ", ".join(dict.fromkeys(str(value) for value in values if value is not None)) or NOTHING


REPRODUCE = """\
git clone REPOSITORY lora-rank-study && cd lora-rank-study
make repro    # install the pinned packages, run what is not up to date
make check    # whether the committed results follow from code and settings
make test"""

VARY = """\
dvc exp run -S 'lora.ranks=[1,2,4,8,16,32,64]'    # trains the new rank alone
dvc exp run -S 'blocks=[1,2,3]'                   # narrower intervals; trains new seeds alone
dvc exp run -S data.name=my/reviews.csv -S data.where=null \\
            -S data.text=sentence -S data.label=stars
dvc metrics diff"""


def reproduce(study: Study) -> Html:
    """Show the commands that make it all again."""
    return titled(
        "reproduce",
        paragraph(
            "Every number but those of the machine is a function of code, settings and data: the "
            "same commit gives the same bytes on the same machine."
        ),
        commands(REPRODUCE),
        paragraph(
            "After it, `data/selected/` holds the adapter of the recommended rank in PEFT's format "
            "and the model with it merged in, each with its card."
        ),
        paragraph("To ask another question, change a setting; only what depends on it runs again."),
        commands(VARY),
    )
