"""Stage compare of placement/: every placement beside the main study's LoRA and full fine-tuning.

Reads placement/metrics/runs/ and logits/, and the main study's metrics/runs/ and metrics/logits/.
Writes placement/metrics/placement.json (`study.studies.placement.answers.record`), the few of its
numbers that `dvc metrics` compares, placement/metrics/summary.json, and placement/plots/rows.json,
which DVC's own plot draws.
"""

from __future__ import annotations

from pathlib import Path

from study.analyses.results.sweep import Sweep, read_sweep
from study.entry import command
from study.entry.sections import load
from study.records.arm_names import LORA as LORA_ARM
from study.records.json_file import write_json
from study.records.logits import Logits, read_logits
from study.settings.lora import LORA
from study.settings.seeds import SEEDS
from study.settings.statistics import STATISTICS
from study.studies.placement.answers.record import metrics, placement_record, plot_rows
from study.studies.placement.cells import Cell, read_cells
from study.studies.placement.settings import PLACEMENT

OWN = Path("placement/metrics")


def main() -> None:
    """Compare the placements, and say what was found."""
    chosen = load(SEEDS, LORA, STATISTICS, PLACEMENT)
    sweep = read_sweep(chosen)
    asked = chosen.placement
    cells = read_cells(OWN / "runs", asked.placements, asked.ranks, sweep.full)
    read = _logits(sweep, cells)
    record = placement_record(sweep, cells, read, chosen.statistics)
    write_json(OWN / "placement.json", record)
    write_json(OWN / "summary.json", metrics(record))
    write_json("placement/plots/rows.json", plot_rows(record))
    print(record["answer"]["words"][0])


def _logits(sweep: Sweep, cells: list[Cell]) -> dict[tuple[str, int], Logits]:
    """Read every arm's logits; none of a regression, whose numbers have no probability."""
    if not sweep.full.label_names:
        return {}
    found = {
        (LORA_ARM, rank): read_logits(f"metrics/logits/lora-r{rank}.safetensors")
        for rank in sweep.lora
    }
    for cell in cells:
        if cell.record is not None:
            path = OWN / f"logits/{cell.name}-r{cell.rank}.safetensors"
            found[cell.name, cell.rank] = read_logits(path)
    return found


if __name__ == "__main__":
    command.run(main)
