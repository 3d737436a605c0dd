"""`study.studies.methods.training.feasible`: what cannot work is refused before any training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from study.entry.errors import StudyError
from study.settings import whole as settings
from study.studies.methods.training.feasible import check
from tests.pipeline import toys
from tests.study.companion_settings import ROOT, with_companions


@pytest.fixture
def chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Settings of the toy study, whose methods fit its model."""
    toys.write_model(tmp_path / "toys/model")
    monkeypatch.chdir(tmp_path)
    params = tmp_path / "params.yaml"
    params.write_bytes((ROOT / "params.yaml").read_bytes())
    toys.change(params, toys.SETTINGS)
    plain = with_companions(settings.load(params))
    prefix = replace(plain.methods.prefix, virtual_tokens=4)
    return replace(plain, methods=replace(plain.methods, rank=2, prefix=prefix))


def test_methods_that_fit_are_let_through(chosen: Any) -> None:
    check(chosen, "packed")


def test_a_rank_above_a_layers_size_is_refused(chosen: Any) -> None:
    with pytest.raises(StudyError, match=r"^methods/params\.yaml:rank: 999: lora: .*rank 999"):
        check(replace(chosen, methods=replace(chosen.methods, rank=999)), "packed")


def test_a_prefix_that_leaves_no_room_for_sentences_is_refused(chosen: Any) -> None:
    prefix = replace(chosen.methods.prefix, virtual_tokens=500)
    with pytest.raises(StudyError, match=r"virtual_tokens: 500; allowed"):
        check(replace(chosen, methods=replace(chosen.methods, prefix=prefix)), "packed")
