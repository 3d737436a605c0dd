"""The theory stages' records at toy size, made by the real code, once."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import yaml

from study.settings import whole as settings
from study.theory.bound_record import bound_record
from study.theory.learned_record import learned_record, read_bounds

PARAMS = Path(__file__).parents[2] / "params.yaml"
TOY = {
    "out_features": 6,
    "in_features": 8,
    "samples": 40,
    "ranks": [1, 2, 4],
    "seeds": [0, 1],
    "steps": 10,
}


@functools.cache
def toy_theory() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what metrics/theory_bound.json and metrics/theory.json hold."""
    theory = toy_settings().theory
    bound = bound_record(theory)
    return bound, learned_record(theory, read_bounds(bound, theory, "toy"))


def toy_settings() -> settings.Settings:
    """Return the default study's settings with a toy theory."""
    raw = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))
    return settings.parse(raw | {"theory": raw["theory"] | TOY})
