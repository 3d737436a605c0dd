"""What all tests share: no network, no analytics, and property tests that repeat exactly."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.pipeline import warm

settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("repeatable")

ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DVC_NO_ANALYTICS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "MPLBACKEND": "agg",
}


COLLECT = gc.collect


def _unless_statsmodels_asks(*generation: int) -> int:
    """Its `multipletests` collects garbage at every call, which is most of what it does."""
    asks = str(sys._getframe(1).f_globals.get("__name__"))
    return 0 if asks.startswith("statsmodels.") else COLLECT(*generation)


def pytest_configure(config: pytest.Config) -> None:
    """Set the environment before any library reads it on import; put it back at the end.

    What is imported to collect the tests is hardly any of it garbage, and is looked through for
    some again and again: not until it is all there, and then no more (see study/process.py).
    """
    gc.disable()
    patch = pytest.MonkeyPatch()
    patch.setattr(gc, "collect", _unless_statsmodels_asks)
    for name, value in ENVIRONMENT.items():
        patch.setenv(name, value)
    config.add_cleanup(patch.undo)


def pytest_collection_finish() -> None:
    """Look for garbage from now on, in what the tests make."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this run of pytest, the same in all of its workers."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def warm_commands(shared_folder: Path) -> Iterator[Path]:
    """The folder of a `python` and a `dvc` that start quickly (see `tests.pipeline.warm`)."""
    with warm.serving(shared_folder / "warm") as folder:
        yield folder
