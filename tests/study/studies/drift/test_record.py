"""Drift on constructed outputs, where it is known which arm is farther and where accuracy falls."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from study.analyses.results.sweep import Sweep
from study.pages.figures import style
from study.studies.drift.answers import figure
from study.studies.drift.answers.page import blocks
from study.studies.drift.answers.record import drift_record
from study.studies.drift.outputs.given import Given, Name, load_outputs, save_outputs
from tests.study.analyses.agreement.made import STATISTICS
from tests.study.fake_records import fake_arm

SENTENCES = 200
BASE = 0.05  # margin of the base's logits
TEXT: dict[str, Any] = {
    "name": "other",
    "max_length": 8,
    "truncated_share": 0.5,
    "without_labels": None,
    "in_study": 0,
}
GROWS, _, FULL_FARTHER, _, COSTS, FALLS, FULL_LESS, FULL_MORE, FULL_MORE_IN = range(9)


def sweep(ranks: Sequence[int], seeds: Sequence[int]) -> Sweep:
    def arm(kind: str, rank: int | None = None) -> Any:
        return fake_arm(kind, rank, seeds=seeds, num_sentences=50)

    return Sweep(arm("head_only"), arm("full"), {rank: arm("lora", rank) for rank in ranks})


def labels() -> np.ndarray:
    return np.arange(SENTENCES) % 2


def given(margin: float, accuracy: float, change: float, seeds: int) -> Given:
    """Logits 0 and `margin` for the predicted class; right on a share of the sentences."""
    draw = np.random.default_rng(7)
    noise = 0.01 * draw.normal(size=(seeds, SENTENCES))
    wrong = np.tile(np.arange(SENTENCES) >= accuracy * SENTENCES, (seeds, 1))
    chosen = np.where(wrong, 1 - labels(), labels())
    logits = np.zeros((seeds, SENTENCES, 2))
    np.put_along_axis(logits, chosen[..., None], (margin + noise)[..., None], axis=-1)
    return Given(logits.astype(np.float32), (change + noise).astype(np.float32))


def record(
    margins: dict[int, float],
    full: float,
    accuracies: dict[int, float],
    seeds: int = 3,
    **text: Any,
) -> dict[str, Any]:
    """Arms that say `margin` with more confidence than a base that is undecided."""
    found: dict[Name, Given] = {("head_only", None): given(BASE, 0.7, 0.0, seeds)}
    for rank, margin in margins.items():
        found["lora", rank] = given(margin, accuracies[rank], margin / 10, seeds)
    found["full", None] = given(full, 0.8, full / 10, seeds)
    results = sweep(list(margins), range(seeds))
    made = drift_record(found, labels(), TEXT | text, results, STATISTICS)
    json.dumps(made, allow_nan=False)
    return made


def verdicts(found: dict[str, Any]) -> list[str]:
    return [row["verdict"] for row in found["claims"]]


def test_drift_that_grows_and_accuracy_that_falls_are_found() -> None:
    found = record({1: 1.0, 4: 2.0, 16: 3.0}, 4.0, {1: 0.7, 4: 0.5, 16: 0.4})
    assert set(verdicts(found)[: FALLS + 1]) == {"holds"}
    values = [row["kl"]["mean"] for row in found["arms"]]
    assert values == sorted(values)
    assert values[0] == 0
    p, q = (1 / (1 + np.exp(-margin)) for margin in (1.0, BASE))  # of the class both predict
    wanted = p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))
    assert values[1] == pytest.approx(wanted, rel=0.02)


def test_drift_that_shrinks_and_accuracy_that_rises_are_found() -> None:
    found = record({1: 3.0, 4: 2.0, 16: 1.0}, 0.5, {1: 0.8, 4: 0.85, 16: 0.9})
    assert set(verdicts(found)[: FALLS + 1]) == {"does not hold"}


def test_what_is_the_same_at_every_rank_cannot_be_told() -> None:
    found = record({1: 2.0, 4: 2.0, 16: 2.0}, 2.0, dict.fromkeys((1, 4, 16), 0.8))
    told = verdicts(found)
    assert told[GROWS] == told[FULL_FARTHER] == told[FALLS] == "cannot be told"


@pytest.mark.parametrize(
    ("accuracies", "less", "more"),
    [
        ((0.4, 0.5), "does not hold", "holds"),
        ((0.95, 0.99), "holds", "does not hold"),
        ((0.4, 0.99), "does not hold", "does not hold"),
        ((0.8, 0.8), "cannot be told", "cannot be told"),
    ],
)
def test_full_is_held_against_every_rank_out_of_domain(
    accuracies: tuple[float, float], less: str, more: str
) -> None:
    found = record({1: 1.0, 4: 2.0}, 3.0, dict(zip((1, 4), accuracies, strict=True)))
    assert (verdicts(found)[FULL_LESS], verdicts(found)[FULL_MORE]) == (less, more)
    rows = [row for row in found["arms"] if row["arm"] == "lora"]
    for row, accuracy in zip(rows, accuracies, strict=True):
        paired = row["full_less"]["out_of_domain"]
        assert paired["mean"] == pytest.approx(100 * (0.8 - accuracy))
        assert paired["low"] <= paired["mean"] <= paired["high"]


def test_a_trend_says_of_which_sentences_it_speaks() -> None:
    found = record({1: 1.0, 4: 2.0, 16: 3.0}, 4.0, dict.fromkeys((1, 4, 16), 0.8))
    for claim in (GROWS, FALLS):
        why = found["claims"][claim]["numbers"]["why"]
        assert "other seeds would give on the same 200 sentences" in why
    assert "It says nothing of what else" in found["claims"][COSTS]["numbers"]["why"]


@pytest.mark.parametrize(("ranks", "seeds"), [((4,), 1), ((4,), 3), ((1, 8), 1), ((1, 8, 64), 2)])
def test_small_studies_are_told_as_far_as_they_go(ranks: tuple[int, ...], seeds: int) -> None:
    found = record({r: float(r) / 4 for r in ranks}, 30.0, dict.fromkeys(ranks, 0.6), seeds)
    told = found["claims"][GROWS]
    if len(ranks) == 1:
        assert told["verdict"] == "cannot be told"
        assert "one rank, 4" in told["numbers"]["why"]
    else:
        assert told["verdict"] in ("holds", "cannot be told")
    parts = blocks(found)
    assert parts.keys() == {"figure", "drift", "claims"}
    assert parts["figure"].startswith("![Three panels by LoRA rank")
    assert parts["figure"].endswith(figure.caption(found))
    assert "0 drawn sentences left out" in parts["drift"]
    with style.styled():
        style.settle(figure.draw(found))
    assert figure.caption(found)
    assert figure.alternative(found)


def test_without_labels_there_is_no_accuracy_out_of_domain_and_the_reason_is_said() -> None:
    found = record({1: 1.0, 4: 2.0}, 3.0, {1: 0.5, 4: 0.5}, without_labels="no labels there")
    assert all("out_of_domain" not in row for row in found["arms"])
    for claim in (COSTS, FALLS, FULL_LESS, FULL_MORE):
        assert found["claims"][claim]["numbers"]["why"] == "no labels there"
    assert all("out_of_domain" not in row.get("full_less", {}) for row in found["arms"])
    assert found["claims"][FULL_MORE_IN]["numbers"]["why"] != "no labels there"
    assert "No accuracy out of domain: no labels there." in blocks(found)["drift"]
    with style.styled():
        style.settle(figure.draw(found))
    assert "Accuracy there" not in figure.caption(found)


def test_outputs_come_back_from_their_file(tmp_path: Any) -> None:
    names: list[Name] = [("head_only", None), ("lora", 4)]
    found = {name: given(1.0, 0.5, 0.1, 2) for name in names}
    save_outputs(found, labels(), tmp_path / "x.safetensors")
    back, marks = load_outputs(tmp_path / "x.safetensors", names)
    assert (marks == labels()).all()
    for name in names:
        assert (back[name].logits == found[name].logits).all()
        assert (back[name].change == found[name].change).all()
