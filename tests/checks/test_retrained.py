"""What an arm that was trained again is held to, on made-up records."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from checks import verify
from checks.machines import differences, unknown
from checks.retrained import inconsistencies, read
from checks.verify import CannotVerify, Verdict, choose, judge

NAME = "lora-r4"
RECORD = f"metrics/runs/{NAME}.json"
SENTENCES = 200  # so that 10 predictions may be others, and means 1.9 points apart
MACHINE = {
    "device": "A Processor",
    "device_type": "cpu",
    "precision": "bf16",
    "threads": 2,
    "cpu_capability": "AVX512",
    "kernels": {"vendor": "A", "instruction_sets": ["avx2", "amx_bf16"]},
    "python": "3.11.7",
    "versions": {"torch": "2.13.0"},
    "seconds": 12.5,
}


def run(seed: int, rate: float) -> dict[str, Any]:
    return {
        "seed": seed,
        "learning_rate": rate,
        "best_epoch": 2,
        "validation_accuracy": 0.8,
        "test_accuracy": 0.5,
        "test_predictions": [0] * SENTENCES,
        "loss": {"step": [1], "value": [0.5]},
        "validation": [
            {"epoch": 1, "step": 1, "accuracy": 0.7, "loss": 0.6},
            {"epoch": 2, "step": 2, "accuracy": 0.8, "loss": 0.5},
        ],
    }


def save(root: Path, record: dict[str, Any], machine: dict[str, Any]) -> None:
    """Write an arm; its logits give the predictions."""
    texts = {RECORD: record, f"metrics/machine/{NAME}.json": machine, "metrics/data.json": {"n": 1}}
    for name, value in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(json.dumps(value))
    logits = {
        f"s{r['seed']}/test": np.eye(2, dtype=np.float32)[r["test_predictions"]]
        for r in record["runs"]
        if r["learning_rate"] == record["learning_rate"]
    }
    labels = {f"labels/{split}": np.arange(SENTENCES) % 2 for split in ("test", "validation")}
    (root / "metrics/logits").mkdir(exist_ok=True)
    save_file(logits | labels, root / f"metrics/logits/{NAME}.safetensors")


@pytest.fixture
def record() -> dict[str, Any]:
    return {
        "arm": "lora",
        "rank": 4,
        "learning_rates": [0.1, 0.2],
        "learning_rate": 0.2,
        "trainable_parameters": 10,
        "head_parameters": 4,
        "adapter_parameters": 6,
        "total_parameters": 100,
        "label_names": ["no", "yes"],
        "test_labels": [0, 1] * (SENTENCES // 2),
        "runs": [run(seed, rate) for rate in (0.1, 0.2) for seed in (0, 1)],
    }


@pytest.fixture
def held(record: dict[str, Any], tmp_path: Path) -> Callable[..., Verdict]:
    """Judge what a change makes of the record, trained again on a machine."""

    def get(change: Callable[[dict[str, Any]], None], **machine: Any) -> Verdict:
        save(tmp_path / "committed", record, MACHINE)
        again = json.loads(json.dumps(record))
        change(again)
        save(tmp_path / "trained", again, MACHINE | machine)
        return judge(tmp_path / "committed", tmp_path / "trained", "lora@4", NAME)

    return get


def other_classes(number: int, *runs: int) -> Callable[[dict[str, Any]], None]:
    """Turn predictions of runs about, as many right ones as wrong ones, or one right one more."""

    def change(record: dict[str, Any]) -> None:
        for i in runs:
            record["runs"][i]["test_predictions"][:number] = [1] * number
            right = map(int.__eq__, record["runs"][i]["test_predictions"], record["test_labels"])
            record["runs"][i]["test_accuracy"] = sum(right) / SENTENCES

    return change


def nothing(_: dict[str, Any]) -> None:
    pass


def test_equal_bytes_on_the_same_machine(held: Callable[..., Verdict]) -> None:
    verdict = held(nothing, seconds=99.0)
    assert verdict.same
    assert verdict.result == "lora@4 trained again gives the committed bytes"
    assert "same kind of machine" in verdict.details[0]


def test_one_prediction_on_the_same_machine(held: Callable[..., Verdict]) -> None:
    verdict = held(other_classes(1, 0))
    assert not verdict.same
    number = "runs[0].test_accuracy 0.5, trained again 0.495"
    said = f"{RECORD}: {number}; 1 of 200 in runs[0].test_predictions"
    assert verdict.details[0] == said
    assert "what applies: bit for bit" in verdict.details[1]


def test_within_the_tolerance_of_another_machine(held: Callable[..., Verdict]) -> None:
    verdict = held(other_classes(10, 0, 2), device="Another")
    assert verdict.same
    assert "at most 10 other test predictions of 200 a run (allowed: 10)" in verdict.result
    assert "device Another instead of A Processor" in verdict.details[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (other_classes(12, 2), "seed 0, learning rate 0.2: 12 of 200 test predictions are others"),
        (lambda r: r.update(trainable_parameters=11), "trainable_parameters is 10, trained again"),
        (lambda r: r["runs"].pop(0), "runs [(0, 0.1)"),
    ],
)
def test_outside_the_tolerance(
    held: Callable[..., Verdict], change: Callable[[dict[str, Any]], None], said: str
) -> None:
    verdict = held(change, device="Another")
    assert not verdict.same
    assert any(f"{RECORD}: {said}" in line for line in verdict.details), verdict.details


def test_a_mean_outside_the_tolerance(held: Callable[..., Verdict], record: dict[str, Any]) -> None:
    """Few predictions are others, but all to the better."""

    def change(again: dict[str, Any]) -> None:
        for r in again["runs"][:2]:
            r["test_predictions"][1:10:2] = [1] * 5
            r["test_accuracy"] = 0.525

    verdict = held(change, device="Another")
    assert not verdict.same
    assert "mean test_accuracy at learning rate 0.1 is 50.00 %, trained again 52.50 %" in str(
        verdict.details
    )


def test_a_rate_that_was_dropped_early_has_no_runs_to_compare(
    held: Callable[..., Verdict], record: dict[str, Any]
) -> None:
    record["learning_rates"] = [0.1, 0.2, 0.4]
    assert held(nothing, device="Another").same
    assert held(nothing).same


def test_another_best_epoch_counts_in_the_means_alone(held: Callable[..., Verdict]) -> None:
    def change(again: dict[str, Any]) -> None:
        again["runs"][0] |= {"best_epoch": 1, "validation_accuracy": 0.795}
        again["runs"][0]["validation"][0]["accuracy"] = 0.795
        other_classes(100, 0)(again)

    assert held(change, device="Another").same


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"test_accuracy": 0.51}, "test_accuracy 0.51, but its predictions give 0.5"),
        ({"test_predictions": [1, 1] + [0] * 198}, "2 of its test predictions are not those of"),
        ({"validation_accuracy": 0.9}, "validation_accuracy is 0.9, but [0.8] then"),
    ],
)
def test_a_record_that_contradicts_itself_fails_on_any_machine(
    held: Callable[..., Verdict],
    record: dict[str, Any],
    tmp_path: Path,
    change: dict[str, Any],
    said: str,
) -> None:
    held(nothing)
    record["runs"][2] |= change
    (tmp_path / "committed" / RECORD).write_text(json.dumps(record))
    (tmp_path / f"trained/metrics/machine/{NAME}.json").write_text('{"device": "Another"}')
    verdict = judge(tmp_path / "committed", tmp_path / "trained", "lora@4", NAME)
    assert not verdict.same
    assert any(said in line for line in verdict.details), verdict.details


def test_logits_alone(held: Callable[..., Verdict], tmp_path: Path) -> None:
    held(nothing)
    path = tmp_path / f"committed/metrics/logits/{NAME}.safetensors"
    logits = {k: v + np.float32(1e-3 * k.startswith("s")) for k, v in load_file(path).items()}
    save_file(logits, path)
    verdict = judge(tmp_path / "committed", tmp_path / "trained", "lora@4", NAME)
    assert not verdict.same
    assert verdict.details[0] == f"metrics/logits/{NAME}.safetensors: s0/test, s1/test differ"


def test_other_data_fails(held: Callable[..., Verdict], tmp_path: Path) -> None:
    held(nothing)
    (tmp_path / "trained/metrics/data.json").write_text('{"n": 2}')
    verdict = judge(tmp_path / "committed", tmp_path / "trained", "lora@4", NAME)
    assert not verdict.same
    assert verdict.details[0] == "metrics/data.json: the sentences prepared here are others"


def test_a_record_that_does_not_tell_its_kernels(held: Callable[..., Verdict]) -> None:
    """Files from before they were recorded: equal bytes are told, others held to the tolerance."""
    equal, near = held(nothing, kernels=None), held(other_classes(1, 0), kernels=None)
    assert equal.same
    assert near.same
    assert "trained again gives the committed bytes" in equal.result
    assert "within the tolerance" in near.result
    assert "but one of them does not tell its kernels" in near.details[0]


def test_kinds_of_machine() -> None:
    assert differences(MACHINE, MACHINE | {"seconds": 1.0, "python": "3.11.9"}) == []
    plain = {"vendor": "A", "instruction_sets": ["avx2"]}
    assert differences(MACHINE, MACHINE | {"kernels": plain}) == [
        "kernels instruction_sets with amx_bf16"
    ]
    assert differences(MACHINE | {"python": "3.12.1"}, MACHINE) == ["python 3.12 instead of 3.11"]
    newer = MACHINE | {"versions": {"torch": "2.14.0"}}
    assert differences(newer, MACHINE) == ["versions torch 2.14.0 instead of 2.13.0"]
    assert unknown(MACHINE, {k: v for k, v in MACHINE.items() if k != "kernels"}) == ["kernels"]


def test_arms() -> None:
    settings = {"lora": {"ranks": [1, 4], "rank": 4}}
    assert choose(settings, None) == ("lora@4", ["stages.lora", "--rank", "4"], "lora-r4")
    assert choose({"lora": {"ranks": [1, 4], "rank": 8}}, None)[0] == "lora@1"
    assert choose(settings, "full") == ("full", ["stages.full"], "full")
    with pytest.raises(CannotVerify, match=r"lora@8.*allowed: head_only, full, lora@1, lora@4"):
        choose(settings, "lora@8")


def test_no_commit_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CannotVerify, match="no commit to verify"):
        verify.verify(tmp_path)


def test_another_metric_is_held_against_the_same_kind_of_machine_alone(
    held: Callable[..., Verdict], record: dict[str, Any], tmp_path: Path
) -> None:
    """Half of the sentences are of each class, and all are given the first: Matthews' is 0."""
    record["metric"] = "matthews"
    for each in record["runs"]:
        del each["test_accuracy"], each["validation_accuracy"]
        each |= {"test_matthews": 0.0, "validation_matthews": 0.8}
        for point in each["validation"]:
            point["matthews"] = point.pop("accuracy")

    def other_loss(again: dict[str, Any]) -> None:
        again["runs"][0]["loss"]["value"] = [0.6]

    assert held(nothing).same
    elsewhere = held(other_loss, device="Another")
    assert not elsewhere.same
    assert "measured for accuracy alone" in elsewhere.details[0]
    record["runs"][0]["test_matthews"] = 0.1
    (tmp_path / "committed" / RECORD).write_text(json.dumps(record))
    said = list(inconsistencies(read(tmp_path / "committed", NAME), NAME))
    assert len(said) == 1
    assert "test_matthews 0.1, but its predictions give 0.0" in said[0]
