"""What `python -m audit` finds in adapters, beside what Gradience finds in them.

    python -m checks.audits FOLDER...

Needs `pip install gradience==0.11.0` beside the requirements. Compared is what is defined alike:
the singular values of each update (Gradience's are those of B A, without the scaling), stable and
effective rank, and the ranks that hold 90, 95 and 99 % of a module's energy. PEFT's own conversion
is held against the audit in `tests/audit/test_against_peft.py`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from audit.directions import directions
from audit.record import SHARES, record
from audit.saved import PREFIX, read
from audit.updates import Updates
from study.words.text_table import align

Row = dict[str, Any]
_PERCENT = ("90", "95", "99")


def found_here(folder: Path) -> Row:
    """Return the audit's record of an adapter that needs no base."""
    updates = Updates(read(folder))
    return record(updates, directions(updates.factors()), None)


def gradience(folder: Path) -> tuple[dict[str, Row], Row]:
    """Return Gradience's figures by module, and its suggestion for the whole adapter."""
    from gradience.vnext.audit.lora_audit import audit_lora_peft_dir
    from gradience.vnext.rank_suggestion import suggest_global_ranks_from_audit

    result = audit_lora_peft_dir(folder, include_top_singular_values=10**6)
    layers = {
        layer.name.removeprefix(PREFIX): {
            "singular_values": layer.top_singular_values,
            "stable_rank": layer.stable_rank,
            "effective_rank": layer.effective_rank,
            "ranks": [getattr(layer, f"energy_rank_{percent}") for percent in _PERCENT],
        }
        for layer in result.layers
    }
    suggestion = suggest_global_ranks_from_audit(result.to_summary_dict())
    return layers, {
        "median": suggestion.suggested_r_median,
        "p90": suggestion.suggested_r_p90,
    }


def compare(mine: Row, theirs: Mapping[str, Row]) -> Row:
    """Return how far apart figures are that are defined alike, over the modules that both have.

    - singular_values: largest difference, over a module's largest value; of B A, ours over s.
    - stable_rank, effective_rank: largest relative difference.
    - ranks: modules at which a rank for 90, 95 or 99 % differs.
    """
    worst: Row = {"modules": 0, "ranks": 0}
    worst |= {"singular_values": 0.0, "stable_rank": 0.0, "effective_rank": 0.0}
    for row in mine["by_module"]:
        other = theirs.get(row["module"])
        if other is None or row["energy_ranks"] is None:
            continue
        worst["modules"] += 1
        ours = torch.tensor(row["singular_values"], dtype=torch.float64) / row["scaling"]
        values = torch.tensor(other["singular_values"], dtype=torch.float64)[: len(ours)]
        apart = float((ours - values).abs().max() / ours[0])
        worst["singular_values"] = max(worst["singular_values"], apart)
        for key in ("stable_rank", "effective_rank"):
            worst[key] = max(worst[key], abs(row[key] / other[key] - 1))
        worst["ranks"] += [row["energy_ranks"][f"{share:g}"] for share in SHARES] != other["ranks"]
    return worst


def main() -> None:
    """Print a row an adapter; exit with 1 if spectra differ by more than 1e-4."""
    parser = argparse.ArgumentParser(prog="python -m checks.audits", description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    rows: list[Sequence[str]] = [
        (
            *("adapter", "modules here, there", "singular values", "stable rank"),
            *("effective rank", "ranks differ", "95 % here", "Gradience: median, p90"),
        )
    ]
    failed = False
    for folder in parser.parse_args().folders:
        mine = found_here(folder)
        theirs, suggested = gradience(folder)
        worst = compare(mine, theirs)
        failed |= worst["singular_values"] > 1e-4
        headline = next(row["rank"] for row in mine["carried"] if row["share"] == 0.95)
        rows.append(
            (
                *("/".join(folder.parts[-2:]), f"{mine['modules']}, {len(theirs)}"),
                *(f"{worst[k]:.0e}" for k in ("singular_values", "stable_rank", "effective_rank")),
                *(str(worst["ranks"]), f"{headline} of {mine['rank']}"),
                f"{suggested['median']}, {suggested['p90']}",
            )
        )
    print("\n".join(align(rows)))
    sys.exit(failed)


if __name__ == "__main__":
    main()
