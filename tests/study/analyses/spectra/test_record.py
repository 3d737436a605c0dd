"""The whole record, on toy runs whose updates were made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from study.analyses.spectra.record import ONE_SEED
from study.analyses.spectra.spectrum import ZERO
from tests.study.analyses.spectra.cases import orthonormal, planted, record_of
from tests.study.toys import each_family

QUERY = "bert.encoder.layer.0.attention.self.query"


def rows(record: list[dict[str, Any]], **chosen: Any) -> list[dict[str, Any]]:
    return [row for row in record if all(row[key] == value for key, value in chosen.items())]


def test_a_planted_update_is_described_as_it_was_made(tmp_path: Path):
    def exact(shape: tuple[int, ...], seed: int) -> torch.Tensor:
        U, V = orthonormal(shape[0], 3, seed=seed), orthonormal(shape[1], 3, seed=seed + 9)
        return (U * torch.tensor([4.0, 2.0, 1.0]).double()) @ V.T

    record = record_of(tmp_path, [1, 2], [0, 1], full=exact)
    for row in record["full"]:
        assert row["singular_values"][:3] == pytest.approx([4, 2, 1], rel=1e-4)
        assert row["singular_values"][3] < 1e-5
        assert row["norm"] == pytest.approx(21**0.5, rel=1e-4)
        assert row["energy"] == pytest.approx({"1": 16 / 21, "2": 20 / 21}, abs=1e-4)
        assert row["energy_rank"] == 2
        assert row["stable_rank"] == pytest.approx(21 / 16, rel=1e-4)
        assert row["peft_ranks"] == {"0.5": 1, "0.7": 1, "0.95": 2}
    matrices = 2 * 6 + 1
    assert len(record["full"]) == 2 * matrices
    assert len(record["lora"]) == 2 * 2 * 4
    assert {len(row["singular_values"]) for row in rows(record["lora"], rank=2)} == {2}


def test_seeds_that_share_a_direction_are_told_from_those_that_do_not(tmp_path: Path):
    record = record_of(tmp_path, [1, 2], [0, 1, 2], full=planted)
    for row in rows(record["replicated"], arm="full"):
        assert row["directions"][0] == 1, row
        assert row["shared"][0] > 0.7
        assert row["angles"][0] < 30 < row["angles"][2]
    for row in rows(record["similarity"]["between_seeds"], arm="full"):
        assert row["similarity"][0] > 0.7
        assert row["floor"] == pytest.approx(
            [k / (24 if row["floor"][0] < 1 / 16 else 16) for k in (1, 2)], rel=1e-4
        )


def test_equal_seeds_agree_wholly(tmp_path: Path):
    record = record_of(tmp_path, [2], [5, 6], full=lambda shape, _: planted(shape, 1))
    for row in rows(record["similarity"]["between_seeds"], arm="full"):
        assert row["similarity"] == pytest.approx([1], abs=1e-4)
    for row in rows(record["replicated"], arm="full"):
        assert row["directions"] == row["k"]


def by_seed(shape: tuple[int, ...], seed: int) -> torch.Tensor:
    """One direction of each seed's own."""
    left, right = orthonormal(shape[0], 1, seed=seed + 7), orthonormal(shape[1], 1, seed=seed + 70)
    return left @ right.T


def test_what_seeds_share_is_told_apart_from_what_they_share_on_shuffled_labels(tmp_path: Path):
    """The first direction is every seed's: with the task's labels, with shuffled ones, or both."""
    record = record_of(tmp_path, [1, 2], [0, 1, 2], full=planted, shuffled=by_seed)
    found = record["controls"]["shuffled_labels"]
    assert min(found["task"]) > 0.7
    assert max(found["shuffled"]) < 0.3
    record = record_of(tmp_path, [1, 2], [0, 1, 2], full=planted, shuffled=planted)
    found = record["controls"]["shuffled_labels"]
    assert found["shuffled"] == pytest.approx(found["task"], abs=0.01)


def test_without_runs_on_shuffled_labels_there_is_no_control(tmp_path: Path):
    assert record_of(tmp_path, [1, 2], [0, 1], full=planted)["controls"] == {}
    assert record_of(tmp_path, [1, 2], [0], full=planted, shuffled=planted)["controls"] == {}


@pytest.mark.parametrize(("size", "some"), [(30.0, True), (1e-6, False)])
def test_intruders_have_a_control_of_the_same_size(size: float, some: bool, tmp_path: Path):
    """Random updates that are as large have intruders too; as small as the update, none."""
    record = record_of(tmp_path, [1, 2], [0, 1], lora=size)
    counts = [count for row in rows(record["intruders"], arm="lora") for count in row["random"]]
    assert len(counts) == 2 * 2 * 4  # ranks, seeds, matrices
    assert any(counts) == some
    (of_two,) = rows(record["summary"], arm="lora", rank=2)
    assert (of_two["intruders_random"] > 0) == some


@each_family
def test_every_family_has_every_part(family, tmp_path: Path):
    record = record_of(tmp_path, [3, 1], [1, 0], family.name)
    adapted = set(family.adapted)
    assert {row["module"] for row in record["full"] if row["target"]} == adapted
    for part in (record["lora"], record["gradient"]):
        assert {row["module"] for row in part} == adapted
    for part in ("replicated", "amplification", "intruders"):
        assert {row["module"] for row in rows(record[part], arm="lora")} == adapted
        assert len({row["module"] for row in rows(record[part], arm="full")}) > len(adapted)
    pairs = {(row["rank"], row["other"]) for row in record["similarity"]["between_ranks"]}
    assert pairs == {(1, 3), (1, None), (3, None)}
    assert [row["rank"] for row in record["summary"]] == [None, 1, 3]
    assert record["reasons"] == {}
    floor = record["intruder_floor"]
    assert floor["words"].startswith(
        f"In {len(floor['not_beaten'])} matrices the threshold of 0.5 is too low: a random "
        f"direction has a cosine of up to {floor['highest_floor']:.3f} "
    )  # 16 dimensions
    assert set(floor["not_beaten"]) >= adapted or family.name == "gpt2"


def test_ranks_between_the_smallest_and_largest_are_compared_with_their_neighbours(tmp_path: Path):
    record = record_of(tmp_path, [8, 1, 4, 2], [0])
    made = [(row["rank"], row["other"]) for row in record["similarity"]["between_ranks"]]
    lora = [pair for pair in dict.fromkeys(made) if pair[1] is not None]
    assert lora == [(1, 2), (2, 4), (4, 8), (1, 8)]
    within = rows(record["similarity"]["between_ranks"], rank=1, other=8, side="input")
    assert all(row["within_floor"] == 0.5 for row in within)  # 8 of 16 dimensions
    assert [row["module"] for row in within if row["same_start"]] == [QUERY]


def test_one_seed_and_one_rank_say_why_something_is_missing(tmp_path: Path):
    record = record_of(tmp_path, [3], [9])
    assert record["similarity"]["between_seeds"] == record["replicated"] == record["chance"] == []
    assert record["reasons"]["replicated"] == record["reasons"]["between_seeds"] == ONE_SEED
    assert "one rank" in record["reasons"]["between_ranks"]
    assert {row["other"] for row in record["similarity"]["between_ranks"]} == {None}


def test_no_update_at_all_is_said_and_left_out_of_comparisons(tmp_path: Path):
    record = record_of(tmp_path, [1, 2], [0, 1], lora=0.0)
    assert {row["reason"] for row in record["lora"]} == {ZERO}
    assert {row["energy_rank"] for row in record["lora"]} == {None}
    assert record["similarity"]["between_ranks"] == []
    assert rows(record["amplification"], arm="lora") == []
    assert {tuple(row["first"]) for row in rows(record["intruders"], arm="lora")} == {(0, 0)}
    assert record["summary"][1]["energy_rank"] is None


def test_the_record_is_the_same_each_time_and_holds_six_digits(tmp_path: Path):
    one = record_of(tmp_path / "one", [2, 1], [0, 1])
    again = record_of(tmp_path / "again", [1, 2], [1, 0])
    assert one == again

    def floats(value: Any) -> list[float]:
        if isinstance(value, dict):
            value = list(value.values())
        if isinstance(value, list):
            return [number for item in value for number in floats(item)]
        return [value] if isinstance(value, float) else []

    assert all(number == float(f"{number:.6g}") for number in floats(one))
