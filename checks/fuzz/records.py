"""Bad records: files that stages leave for each other, edited, cut, or of another study.

Those of runs go through all of stage aggregate. What it accepts must give the figures that the
undisturbed study gives, and none that cannot be.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator

from checks.chains.stages import run
from checks.chains.toy import change
from checks.fuzz.damage import damaged_json, damaged_tensors, one
from checks.fuzz.judge import ROOT, Made, nothing_wrong
from checks.fuzz.study import WRITTEN, write_study
from stages.aggregate import SUMMARY, aggregate
from study.records import prepared
from study.records.checked import CHECKED, read_batching
from study.records.json_file import read_json
from study.records.logits import read_logits

RUNS = ("runs/head_only", "runs/full", "runs/lora-r1", "runs/lora-r2", "headline", "linear_probe")
LOGITS, PREPARED = "metrics/logits/full.safetensors", "data/prepared"
READERS: dict[str, Callable[[], Any]] = {
    **{f"metrics/{name}.json": aggregate for name in RUNS},
    SUMMARY: lambda: run(["stages.aggregate", "--table"], Path()),
    CHECKED: read_batching,
    LOGITS: lambda: read_logits(LOGITS),
    f"{PREPARED}/prepared.json": lambda: prepared.load(PREPARED),
    f"{PREPARED}/data.safetensors": lambda: prepared.load(PREPARED),
}
_AGGREGATED = [name for name, reader in READERS.items() if reader is aggregate]
# Aggregate reads the files of runs, and they are the most.
_DRAWN = (*_AGGREGATED, *READERS)
_CHANGES: dict[str, Any] = {
    "seeds": [0, 1],
    "blocks": [],
    "lora.ranks": [1, 2],
    "lora.rank": 2,
    "statistics.resamples": 10,
}


@dataclass
class Records:
    """Cases of records."""

    name: str = "records"

    def ready(self, cases: int, seed: int, folder: Path) -> None:
        """Write a small study and aggregate it once."""
        del cases
        self._seed = seed
        self._own = self._study(folder / "own", 0)
        self._other = self._study(folder / "other", 1)
        self._summary = json.loads(self._own[SUMMARY])

    def _study(self, folder: Path, seed: int) -> dict[str, bytes]:
        folder.mkdir()
        change(ROOT / "params.yaml", folder / "params.yaml", _CHANGES)
        write_study(folder, seed)
        with contextlib.chdir(folder), contextlib.redirect_stdout(None):
            aggregate()
        return {name: (folder / name).read_bytes() for name in ("params.yaml", *READERS)}

    def make(self, number: int, folder: Path) -> Made:
        """Write the study with one file that is another."""
        draw = np.random.default_rng([self._seed, 3, number])
        name = one(draw, _DRAWN)
        how, data = self._spoilt(draw, name)
        for file, content in (self._own | {name: data}).items():
            if file not in WRITTEN or file == name:
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                (folder / file).write_bytes(content)
        reader = READERS[name]

        def read() -> Any:
            with contextlib.redirect_stdout(None):
                reader()
            return read_json(SUMMARY) if reader is aggregate else None

        wrong = self._wrong if reader is aggregate else nothing_wrong
        shown = name if reader is not aggregate or name.endswith("probe.json") else Path(name).name
        # The headline is a rank of the sweep: where the two differ, nobody knows which is wrong.
        names = (Path(name).stem, PREPARED, *(("headline",) if "lora-r" in name else ()))
        return Made(f"{shown} {how}", read, names, wrong, writes=True)

    def _spoilt(self, draw: Generator, name: str) -> tuple[str, bytes]:
        data = self._own[name]
        if draw.random() < 0.1:
            others = [self._own[other] for other in READERS if other != name]
            spoilt = ("of another study", self._other[name]), ("another file", one(draw, others))
            chosen: tuple[str, bytes] = one(draw, spoilt)
            return chosen
        if name.endswith(".safetensors"):
            return damaged_tensors(draw, data)
        return damaged_json(draw, json.loads(data))

    def _wrong(self, summary: Mapping[str, Any]) -> str | None:
        """Say what is wrong with a summary that came out."""
        figures = dict(_figures(summary))
        for key, known in _figures(self._summary):
            leaf = key.rpartition(".")[2]
            own: Any = figures.get(key)
            if leaf.startswith(("test_", "low", "high", "gap_")) and own != known:
                return f"aggregated into another {leaf} than the records give"
            whole = type(own) is int and isinstance(known, float)  # 1 for 1.0
            if type(own) is not type(known) and not whole:
                return f"aggregated with a {leaf} of another kind"
            if leaf.startswith("validation_") and not 0 <= own <= 1:
                return f"aggregated with a {leaf} that cannot be"
            amount = leaf.endswith(("_parameters", "_share", "learning_rate"))
            if amount and not 0 <= own < math.inf:
                return f"aggregated with a {leaf} that cannot be"
        return None


def _figures(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield what stands in a record that is neither list nor object, by its dotted key."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _figures(inner, f"{key}.{name}")
    elif not isinstance(value, list):
        yield key, value


KIND = Records()
