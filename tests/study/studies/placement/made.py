"""Made-up placements beside a made-up main study, whose scores are what a test wants."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from study.analyses.results.sweep import Sweep
from study.records.runs import ArmRecord
from study.settings import whole
from study.settings.statistics import StatisticsSettings
from study.studies.placement.answers.record import placement_record
from study.studies.placement.cells import Cell
from study.studies.placement.settings import PLACEMENTS
from tests.study.companion_settings import ROOT
from tests.study.fake_records import PER_RANK, fake_arm

STATISTICS: StatisticsSettings = whole.load(ROOT / "params.yaml").statistics
SENTENCES = 1500
RANKS = (4, 8)
MAIN_RANKS = (4, 8, 16, 32)
# Parameters at a rank over those of query and value, as on the default model.
TIMES = {
    "query_value": 1.0,
    "attention": 2.0,
    "mlp": 2.5,
    "all_linear": 4.6,
    "upper_half": 2.25,
    "lower_half": 2.25,
}
MAIN: dict[str, Any] = {
    "name": "query_value",
    "modules": ["attention.self.query", "attention.self.value"],
    "matrices": 12,
    "layers": [0, 1, 2, 3, 4, 5],
    "note": "",
}


def arm(name: str, rank: int, accuracy: float) -> ArmRecord:
    """Return LoRA's record in a placement at a rank."""
    record = fake_arm("lora", rank, accuracy=accuracy, num_sentences=SENTENCES)
    parameters = round(PER_RANK * rank * TIMES[name])
    head = record.head_parameters
    return replace(record, adapter_parameters=parameters, trainable_parameters=head + parameters)


def sweep() -> Sweep:
    """Return the main study, all of whose ranks are as accurate."""
    return Sweep(
        fake_arm("head_only", num_sentences=SENTENCES),
        fake_arm("full", accuracy=0.82, num_sentences=SENTENCES),
        {rank: arm("query_value", rank, 0.8) for rank in MAIN_RANKS},
    )


def cells(
    accuracy: Mapping[str, float],
    main: Mapping[str, Any] = MAIN,
) -> list[Cell]:
    """Return every placement at every rank; one without an accuracy is left out."""
    found = []
    for name in PLACEMENTS:
        for rank in RANKS:
            place = dict(MAIN, note="")
            if name in accuracy:
                record = arm(name, rank, accuracy[name])
                found.append(Cell(name, rank, main, place, record, None))
            else:
                found.append(Cell(name, rank, main, None, None, "it has none"))
    return found


def record(
    accuracy: Mapping[str, float], statistics: StatisticsSettings = STATISTICS
) -> dict[str, Any]:
    """Return the record of placements with these accuracies; not to be changed."""
    return _record(tuple(accuracy.items()), statistics)


@functools.cache
def _record(
    accuracy: tuple[tuple[str, float], ...], statistics: StatisticsSettings
) -> dict[str, Any]:
    return placement_record(sweep(), cells(dict(accuracy)), {}, statistics)


EVERY = {
    "attention": 0.80,
    "mlp": 0.81,
    "all_linear": 0.815,
    "upper_half": 0.805,
    "lower_half": 0.79,
}
