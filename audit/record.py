"""All that is told of an adapter, as one record of plain values: the JSON, and what pages show."""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from audit import allotment
from audit.directions import ALIKE, Directions
from audit.updates import Updates
from lora.spectra import effective_rank, energy_rank, stable_rank

SHARES = (0.9, 0.95, 0.99)  # of the energy, of which the parameters are told
HEADLINE = 0.95  # the one that the first sentence speaks of
Row = dict[str, Any]


def record(
    updates: Updates, found: Sequence[Directions], beside_base: Mapping[str, Row] | None
) -> Row:
    """Return the record; see docs/audit.md for its keys.

    Args:
        found: the updates' directions.
        beside_base: figures of `audit.against_base`, by module.
    """
    config = updates.saved.config
    whole = sum(float(one.squares.sum()) for one in found)
    rows = [_module(one, (beside_base or {}).get(one.module.name)) for one in found]
    return {
        "adapter": updates.saved.folder.resolve().name,
        "base": config.get("base_model_name_or_path"),
        "task_type": config.get("task_type"),
        "method": _method(updates),
        "rank": allotment.largest_rank(found),
        "modules": len(found),
        "parameters": allotment.parameters(found, {o.module.name: o.module.rank for o in found}),
        "norm": whole**0.5,
        "zero": not whole,
        "weighed": False,
        **_energy(found),
        "effective_rank": _spread(rows, "effective_rank"),
        "stable_rank": _spread(rows, "stable_rank"),
        "repeated": sum(one.repeated for one in found),
        "repeated_cosine": ALIKE,
        "by_module": rows,
    }


def headline(record: Row) -> int | None:
    """The rank of the first sentence; None: the adapter is zero."""
    return next((row["rank"] for row in record["carried"] if row["share"] == HEADLINE), None)


def weighed_energy(found: Sequence[Directions]) -> Row:
    """Return what the record has of energy, by the outputs on real inputs.

    Args:
        found: directions weighed by what comes into the layers.
    """
    return _energy(found) | {"weighed": True}


def _energy(found: Sequence[Directions]) -> Row:
    whole = any(float(one.S[0]) > 0 for one in found)
    return {
        "energy_by_rank": _by_rank(found),
        "carried": [_carried(found, share) for share in SHARES] if whole else [],
    }


def ranks_up_to(largest: int) -> list[int]:
    """1, 2, 4 and so on, and the largest."""
    return sorted({*(2**i for i in range(largest.bit_length())), largest})


def kind_of(module: str) -> str:
    """A module's name with a sign for each number in it: what layers have in common."""
    return re.sub(r"(?<=\.)\d+(?=\.)", "*", module)


def _method(updates: Updates) -> str:
    config = updates.saved.config
    names = {"use_dora": "DoRA", "use_rslora": "rsLoRA"}
    found = [name for key, name in names.items() if config.get(key)]
    return " with ".join([*(["PiSSA"] if updates.from_pissa else []), *found]) or "LoRA"


def _module(one: Directions, beside: Row | None) -> Row:
    module, S = one.module, one.S
    row: Row = {
        "module": module.name,
        "kind": kind_of(module.name),
        "rank": module.rank,
        "in_features": module.in_features,
        "out_features": module.out_features,
        "scaling": module.scaling,
        "norm": float(S.norm()),
        "effective_rank": None,
        "stable_rank": None,
        "energy_ranks": None,
        "repeated": one.repeated,
        "singular_values": S.tolist(),
    }
    if float(S[0]) > 0:
        row |= {
            "effective_rank": effective_rank(S),
            "stable_rank": stable_rank(S),
            "energy_ranks": {f"{share:g}": energy_rank(S, share) for share in SHARES},
        }
    return row | (beside or {})


def _by_rank(found: Sequence[Directions]) -> list[Row]:
    rows = []
    for rank in ranks_up_to(allotment.largest_rank(found)):
        ranks = allotment.uniform(found, rank)
        kept, cost = allotment.energy(found, ranks), allotment.parameters(found, ranks)
        rows.append({"rank": rank, "energy": kept, "parameters": cost})
    return rows


def _carried(found: Sequence[Directions], share: float) -> Row:
    """The least rank in all modules that carries a share, and the least parameters at all."""
    rank = allotment.uniform_rank(found, share)
    everything = allotment.parameters(found, {o.module.name: o.module.rank for o in found})
    cost = allotment.parameters(found, allotment.uniform(found, rank))
    return {
        "share": share,
        "rank": rank,
        "parameters_share": cost / everything,
        "least_parameters_share": allotment.share_for(found, share),
    }


def _spread(rows: Sequence[Row], key: str) -> Row | None:
    values = [row[key] for row in rows if row[key] is not None]
    if not values:
        return None
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}
