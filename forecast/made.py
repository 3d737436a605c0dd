"""What the probe needs to have in a folder: the settings, and the data, prepared."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from forecast.asked import Asked
from forecast.clock import Span, now
from study.data.preparing import prepare
from study.entry.errors import StudyError
from study.feasibility.check import choice
from study.metrics.measure import measure_of
from study.records import prepared
from study.records.checked import read_batching
from study.records.prepared import Batching, Prepared

PREPARED = Path("data/prepared")


@dataclass(frozen=True)
class Made:
    """The data, and what making them took.

    Attributes:
        batching_same: how batches are computed is what metrics/checked.json says.
        check, prepare: the time of what these stages do; None: nothing was done.
    """

    data: Prepared
    batching_same: bool
    check: Span | None
    prepare: Span | None


def make(asked: Asked, folder: Path, there: bool) -> Made:
    """Write params.yaml and prepared/ into a folder.

    Args:
        there: data/prepared is what `prepare` would make of these settings, as it was checked;
            else it is made here.

    Raises:
        StudyError: what `check` or `prepare` would refuse.
    """
    (folder / "params.yaml").write_text(asked.text, encoding="utf-8")
    if there:
        shutil.copytree(PREPARED, folder / "prepared")
        return Made(prepared.load(folder / "prepared"), True, None, None)
    begun = now()
    batching = choice(asked.settings).batching
    check, begun = now() - begun, now()
    data, _ = prepare(asked.settings.data, asked.settings.model.name)
    metric = measure_of(data.task, asked.settings.statistics.metric).name
    data = replace(data, metric=metric, batching=batching)
    took = now() - begun
    prepared.save(data, folder / "prepared")
    return Made(data, batching == _recorded(), check, took)


def _recorded() -> Batching | None:
    try:
        return read_batching()
    except StudyError:
        return None
