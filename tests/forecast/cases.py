"""A study's settings and data without files, and a probe's findings made up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from forecast.clock import Span
from forecast.measured import Measured
from study.settings import whole
from study.settings.whole import Settings
from tests.lora.models import FAMILIES
from tests.study import toys

ROOT = Path(__file__).resolve().parents[2]
CONFIG = FAMILIES["bert"].config
DATA = toys.prepared(train=40, validation=24, test=30)


def settings(**changes: Any) -> Settings:
    """The repository's settings with another model's targets and few seeds, and changes."""
    own = whole.load(ROOT / "params.yaml")
    train = toys.train_settings(epochs=3)
    few = replace(own, seeds=(0, 1), blocks=(1,), train=train)
    few = replace(few, lora=replace(few.lora, ranks=(1, 4), rank=4))
    return replace(few, **changes)


def span(seconds: float) -> Span:
    """A time of which a half was waiting."""
    return Span(2 * seconds, seconds)


def measured(arm: str, rank: int | None = None, **changes: Any) -> Measured:
    """What a probe may find: one second for each part."""
    values: dict[str, Any] = {
        name: span(1.0) for name in ("load", "extra", "step", "encoding", "validation", "saving")
    }
    counts = {"before_bytes": 100, "peak_bytes": 1000, "kept_bytes": 10, "gpu_bytes": None}
    numbers = {"trainable": 50, "total": 500, "head": 5, "steps": 3}
    return Measured(arm=arm, rank=rank, runs=2, **(values | counts | numbers | changes))
