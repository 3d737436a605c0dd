"""The record in words: one sentence first, then tables for a terminal."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from typing import Any

from audit.record import HEADLINE, headline
from study.words.phrases import counted, percent, share, significant
from study.words.text_table import align

Row = dict[str, Any]
NOTHING = "–"


def first_sentence(record: Row) -> str:
    """Say how much of its rank the adapter uses, and what that costs where it was scored."""
    if record["zero"]:
        return (
            "This adapter changes nothing: all its updates are zero, as before the first step of "
            "training."
        )
    rank = headline(record)
    carried = f"Rank {rank} of {record['rank']} carries {100 * HEADLINE:g} % of this adapter"
    if record.get("scores"):
        return f"{carried}; {record['scores']['sentence']}"
    (at,) = [row for row in record["carried"] if row["rank"] == rank][:1]
    return f"{carried}, with {percent(at['parameters_share'])} of its parameters."


def lines(record: Row) -> Iterator[str]:
    """Give all lines for a terminal."""
    yield first_sentence(record)
    yield ""
    yield subject(record)
    if not record["zero"]:
        yield from ("", *align(energy_table(record)), "", *align(carried_table(record)))
        yield ""
        yield from align(module_table(record))
    yield ""
    yield from notes(record)
    if record.get("scores"):
        yield from ("", *align(score_table(record)), "", record["scores"]["note"])
    if record.get("cut"):
        yield from ("", cut_sentence(record["cut"]))


def subject(record: Row) -> str:
    """Say what was looked at."""
    return (
        f"{record['adapter']}: {record['method']}, {counted(record['modules'], 'module')}, "
        f"rank {record['rank']}, {record['parameters']:,} parameters, on {record['base']}"
    )


def energy_table(record: Row) -> list[list[str]]:
    """What each uniform rank keeps."""
    rows = [["rank", "energy", "parameters"]]
    for row in record["energy_by_rank"]:
        rows.append([str(row["rank"]), percent(row["energy"]), f"{row['parameters']:,}"])
    return rows


def carried_table(record: Row) -> list[list[str]]:
    """What each share of the energy takes."""
    rows = [["energy", "rank", "its parameters", "least parameters, ranks by module"]]
    for row in record["carried"]:
        costs = [percent(row[k]) for k in ("parameters_share", "least_parameters_share")]
        rows.append([f"{100 * row['share']:.0f} %", str(row["rank"]), *costs])
    return rows


_FIGURES = {  # column: (key of a module's row, key within)
    "norm": ("norm", None),
    "effective rank": ("effective_rank", None),
    "stable rank": ("stable_rank", None),
    "rank for 95 %": ("energy_ranks", "0.95"),
    "of W0's norm": ("relative_norm", None),
    "amplified": ("amplification", "update"),
    "(random)": ("amplification", "random"),
    "intruders": ("intruders", "count"),
    "(random) ": ("intruders", "random"),
}


def module_table(record: Row, *, by_kind: bool = True) -> list[list[str]]:
    """A row a kind of module with medians over its layers, or a row a module."""
    seen = [column for column in _FIGURES if any(_values(record["by_module"], column))]
    if not by_kind:
        rows = [["module", *seen]]
        for row in record["by_module"]:
            rows.append([row["module"], *(_median(_values([row], column)) for column in seen)])
        return rows
    kinds: dict[str, list[Row]] = {}
    for row in record["by_module"]:
        kinds.setdefault(row["kind"], []).append(row)
    rows = [["module (medians)", "layers", *seen]]
    for kind, of in kinds.items():
        rows.append([kind, str(len(of)), *(_median(_values(of, column)) for column in seen)])
    return rows


def _values(rows: Sequence[Row], column: str) -> list[float]:
    key, inner = _FIGURES[column]
    found = [row.get(key) for row in rows]
    return [(value[inner] if inner else value) for value in found if value is not None]


def _median(values: Sequence[float]) -> str:
    return significant(statistics.median(values)) if values else NOTHING


def notes(record: Row) -> Iterator[str]:
    """Say what the figures are of, and what they do not tell."""
    if record["weighed"]:
        yield "Energies by rank are of the outputs on the data's inputs, those by module of s B A."
    many = record["repeated"]
    yield (
        f"{counted(many, 'direction')} of the factors {'repeats' if many == 1 else 'repeat'} "
        f"another of the same module (cosine {record['repeated_cosine']} or more)."
    )
    if "DoRA" in record["method"]:
        yield "DoRA: energies are of s B A; its magnitudes stay as they are in every cut."
    if "PiSSA" in record["method"]:
        yield "PiSSA: figures are of what was learned, s (B A - B0 A0), whose rank is twice r."
    if "relative_norm" not in record["by_module"][0]:
        yield "Not looked at: the base's weights (--base does: size, amplification, intruders)."
    elif not all(row["intruders"] is None or row["intruders"]["told"] for row in _rows(record)):
        yield "Intruders: some modules are so small that a random direction would not count as one."
    if not record.get("scores"):
        yield "Energy is no score: --data FILE tells what each cut scores."


def _rows(record: Row) -> list[Row]:
    found: list[Row] = record["by_module"]
    return found


def score_table(record: Row) -> list[list[str]]:
    """The score of base, adapter and every cut."""
    scores = record["scores"]
    head = ["", "energy", "parameters", scores["column"], "to the adapter, points", "verdict"]
    rows = [head]
    for row in scores["rows"]:
        kept = NOTHING if row["energy"] is None else percent(row["energy"])
        cost = NOTHING if row["parameters"] is None else f"{row['parameters']:,}"
        rows.append([row["name"], kept, cost, row["shown"], row["apart"], row["verdict"]])
    return rows


def cut_sentence(cut: Row) -> str:
    """Say what was cut, and where it was written."""
    ranks = cut["ranks"].values()
    low, high = min(ranks), max(ranks)
    spans = f"rank {high}" if low == high else f"ranks {low} to {high}"
    left = sum(rank == 0 for rank in ranks)
    out = f", {counted(left, 'module')} left out" if left else ""
    return (
        f"Cut to {spans}{out}: {share(cut['parameters_share'])} of the parameters, "
        f"{percent(cut['energy'])} of the energy"
        + (f"; written to {cut['out']}." if cut["out"] else "; --out FOLDER writes it.")
    )
