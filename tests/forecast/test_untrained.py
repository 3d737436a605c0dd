"""Stages that train nothing: sums that can be done by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from forecast import untrained
from study.records.json_file import write_json
from tests.forecast.cases import DATA, measured, settings, span

KERNELS = {"svd": 3.0, "eigh": 5.0, "theory_bound": 7.0, "theory": 11.0}
TOKENS = {name: int(getattr(DATA, name).lengths.sum()) for name in ("train", "validation", "test")}
MACHINE = untrained.Machine(span(8.0), measured("full"), measured("lora", 1), KERNELS)


@pytest.fixture(autouse=True)
def _table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was measured on a machine that starts in half the time."""
    seeds, arms = 4, 4
    stages = {"aggregate": 8.0, "plot": 16.0, "check": 2.0}
    answers = seeds * arms * len(DATA.test) // 2
    table = {"start": 4.0, "between": 6.0, "answers": answers, "stages": stages}
    write_json(tmp_path / "table.json", table)
    monkeypatch.setattr(untrained, "TABLE", tmp_path / "table.json")


def test_what_was_measured_is_scaled_by_the_machine_and_by_what_there_is_to_read() -> None:
    found = untrained.seconds(settings(), DATA, MACHINE)
    assert untrained.between(MACHINE) == 12.0
    assert found["plot"] == pytest.approx(12 + 2 * 10)  # the page has one size
    assert found["aggregate"] == pytest.approx(12 + 2 * 2 * 2)  # half as many answers were read
    assert found["check"] == 12.0  # quicker than a start is no time at all
    assert found["report"] == 12.0  # nobody has measured it
    assert set(found) == set(untrained.GROWS)


def test_capacity_passes_every_truncation_through_test_and_validation() -> None:
    both, test = TOKENS["test"] + TOKENS["validation"], TOKENS["test"]
    covered = int(DATA.train.first(settings().capacity.covariance_sentences).lengths.sum())
    passes = 2 * 2 * both + 3 * test + 2 * covered
    of_lora = 2 * test / 2
    expected = 12 + 2 * (passes + of_lora + 2 * 3 + 5)
    assert untrained.seconds(settings(), DATA, MACHINE)["capacity"] == pytest.approx(expected)


def test_spectra_decomposes_the_control_too_where_there_is_one() -> None:
    off = replace(settings().spectra, shuffled_labels=False)
    with_control = untrained.seconds(settings(), DATA, MACHINE)["spectra"]
    without = untrained.seconds(settings(spectra=off), DATA, MACHINE)["spectra"]
    assert with_control - without == pytest.approx(2 * 2 * 3)


def test_theory_grows_with_its_seeds_and_ranks() -> None:
    theory = settings().theory
    more = replace(theory, seeds=(0, 1), ranks=(1, 2, 4))
    found = untrained.seconds(settings(theory=more), DATA, MACHINE)
    assert found["theory"] == pytest.approx(12 + 11 * 6)
    assert found["theory_bound"] == pytest.approx(12 + 7 * 2)
