"""Fixtures of the tests of `study.analyses.sufficiency`."""

from __future__ import annotations

import gc

import pytest


@pytest.fixture(autouse=True)
def no_collecting(monkeypatch: pytest.MonkeyPatch) -> None:
    """`multipletests` collects garbage at every call, which is most of what it does."""
    monkeypatch.setattr(gc, "collect", lambda *_: 0)
