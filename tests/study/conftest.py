"""Fixtures of the tests of `study`."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from study.models import frozen


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nobody says offline, so a request would be made; it fails, and is seen even if caught."""
    # Not at the top: they read the environment on import, which tests/conftest.py sets later.
    import datasets
    import huggingface_hub

    requests: list[object] = []

    def refuse(*where: Any, **_: Any) -> None:
        requests.append(where)
        raise OSError("no network")

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    yield
    assert not requests


@pytest.fixture(params=[False, True], ids=["plain products", "packed weights"])
def each_product(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways of multiplying with a frozen bf16 weight; where oneDNN packs none, one is left."""
    if not request.param:
        monkeypatch.setattr(frozen, "can_pack", lambda _: False)
