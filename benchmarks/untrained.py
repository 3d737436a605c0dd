"""What stages that train nothing took where the study last ran: forecast/untrained.json.

    python -m benchmarks.untrained WORKSPACE    where `dvc repro` has just run all of it

Read from when each stage's outputs were written: a stage ends with its last file and begins where
the one before it ended, DVC's own work included. What that and a process's start take is the gap
between a training stage's end and what it wrote down as its seconds. Stages that did not run then
keep their rows.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from ruamel.yaml import YAML

from forecast.probes import probe
from forecast.untrained import GROWS, TABLE
from study.records import prepared
from study.records.json_file import read_json, write_json
from study.settings import whole
from study.settings.seeds import all_seeds


def main() -> None:
    """Write the table of a workspace."""
    root = Path(sys.argv[1])
    table = read_json(TABLE) if TABLE.exists() else {"stages": {}}
    measured, between = times(root)
    table["stages"] |= {name: s for name, s in measured.items() if name in GROWS}
    settings = whole.load(root / "params.yaml")
    seeds = len(all_seeds(settings.seeds, settings.blocks))
    sentences = len(prepared.load(root / "data/prepared").test)
    table |= {
        "answers": seeds * (len(settings.lora.ranks) + 2) * sentences,
        "between": between,
        "start": start(root),
    }
    write_json(TABLE, table)


def times(root: Path) -> tuple[dict[str, float], float]:
    """Return the seconds of each stage that ran, and of what stands between stages.

    Args:
        root: where DVC ran. A file that git brought is older than the first stage's, or of a stage
            that did not run.
    """
    ends = sorted((end, name, record) for name, end, record in _ends(root))
    first = next(i for i, (_, name, _) in enumerate(ends) if name == "check")
    seconds, gaps = {}, []
    for (before, _, _), (end, name, record) in zip(ends[first:], ends[first + 1 :], strict=False):
        seconds[name] = round(end - before, 1)
        if record is not None:
            gaps.append(end - before - record["seconds"])
    return seconds, round(median(gaps), 1)


def _ends(root: Path) -> Iterator[tuple[str, float, dict[str, Any] | None]]:
    """Yield each stage's name, when it wrote its last file, and its record of the machine."""
    pipeline = YAML(typ="safe").load((root / "dvc.yaml").read_text(encoding="utf-8"))
    lock = YAML(typ="safe").load((root / "dvc.lock").read_text(encoding="utf-8"))["stages"]
    for name, stage in lock.items():
        if name.partition("@")[0] not in pipeline["stages"]:
            continue
        files = [root / out["path"] for out in stage.get("outs", [])]
        files = [path for path in files if path.is_file()]
        if not files:  # a folder alone: its own time is when its last entry was made
            files = [root / out["path"] for out in stage["outs"] if (root / out["path"]).exists()]
        if files:
            records = [path for path in files if path.parent.name == "machine"]
            record = read_json(records[0]) if records else None
            yield name, max(path.stat().st_mtime for path in files), record


def start(root: Path) -> float:
    """Return what the start of a process that trains computes, seconds."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "params.yaml").write_bytes((root / "params.yaml").read_bytes())
        prepared.save(prepared.load(root / "data/prepared"), folder / "prepared")
        return round(probe(folder, []).start.alone, 2)


if __name__ == "__main__":
    main()
