"""What the methods cost without a clock: sizes, operations, merging, accuracy."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoConfig

from study.analyses.cost.record import cost
from study.analyses.operations.flops import training_flops
from study.analyses.results.summary import entries, summarise
from study.analyses.results.sweep import read_results
from study.arms.lora import config_of
from study.entry.errors import StudyError
from tests.study.analyses.cost import small
from tests.study.fake_records import fake_probe


@pytest.mark.parametrize("family", ["distilbert", "gpt2"])
def test_every_arm_of_any_model_in_order(family: str, tmp_path: Path):
    study, made = small.chosen(family, seeds=[4]), small.data(family, classes=20)
    small.write(study, made, tmp_path)
    found = cost(study, made, tmp_path)
    json.dumps(found, allow_nan=False)
    arms = [(row["arm"], row["rank"]) for row in found["arms"]]
    heads = [("head_only", None), ("linear_probe", None)]
    assert arms == [*heads, ("lora", 1), ("lora", 3), ("full", None)]
    assert [row["mergeable"] for row in found["arms"]] == [None, None, True, True, None]
    head, probe, *others = [row["flops_per_token"] for row in found["arms"]]
    assert [probe, head, *others] == sorted([head, probe, *others])  # the probe has no backward
    assert len({frozenset(row) for row in found["arms"]}) == 1  # all say the same things


EPOCHS = 5


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """The small study's folder, and what its arms cost."""
    folder = tmp_path_factory.mktemp("study")
    small.write(small.chosen(), small.data(), folder)
    study = small.chosen(train={"epochs": EPOCHS})
    return folder, cost(study, small.data(), folder)["arms"]


def test_storage_and_optimiser_are_in_bytes(counted: tuple[Path, list[dict[str, Any]]]):
    here, arms = counted
    found = {(row["arm"], row["rank"]): row for row in arms}
    adapter = here / "data/adapters/r3/s0"
    files = [adapter / name for name in ("adapter_config.json", "adapter_model.safetensors")]
    assert found["lora", 3]["storage_bytes"] == sum(file.stat().st_size for file in files)
    assert found["full", None]["storage_bytes"] == 1234
    head = found["head_only", None]
    assert head["storage_bytes"] == 4 * head["trainable_parameters"]
    probe = found.pop(("linear_probe", None))
    assert probe["storage_bytes"] == 4 * probe["trainable_parameters"]
    assert probe["optimizer_state_bytes"] is None
    for row in found.values():
        assert row["optimizer_state_bytes"] == 8 * row["trainable_parameters"]


def test_operations_are_those_of_the_training_sentences(
    counted: tuple[Path, list[dict[str, Any]]],
):
    study, made = small.chosen(), small.data()
    found = {(row["arm"], row["rank"]): row for row in counted[1]}
    config = AutoConfig.from_pretrained(study.model.name)
    of_lora = training_flops(config, 2, "lora", config_of(study.lora, 3, "toy"))
    lengths = [int(n) for n in made.train.lengths]
    epoch = sum(of_lora.of(1, n, n * n) for n in lengths)
    assert found["lora", 3]["flops_per_token"] == pytest.approx(epoch / sum(lengths))
    assert found["lora", 3]["training_flops"] == pytest.approx(EPOCHS * epoch)
    head = training_flops(config, 2, "head_only")
    once = sum(head.of(1, n, n * n) for n in lengths)
    twice_more = 2 * len(lengths) * head.per_sentence
    assert found["head_only", None]["training_flops"] == pytest.approx(once + twice_more)
    unmerged = found["lora", 3]["inference_flops_per_token"]
    assert unmerged > found["full", None]["inference_flops_per_token"]


def test_accuracy_and_its_interval_are_the_summarys(counted: tuple[Path, list[dict[str, Any]]]):
    (here, arms), study = counted, small.chosen()
    results = read_results(study, here / "metrics")
    probe = fake_probe(results.head_only)
    summary = entries(summarise(results, study.statistics, probe))
    for row in arms:
        entry = summary[row["arm"], row["rank"]]
        for key in ("test_accuracy", "low", "high", "trainable_parameters", "trainable_share"):
            assert row[key] == entry[key], key


@pytest.mark.parametrize(
    ("missing", "stage"),
    [
        ("data/full/s0/model.safetensors", "full"),
        ("data/adapters/r3/s0", "lora@3"),
        ("metrics/runs/lora-r1.json", None),
        ("metrics/linear_probe.json", "linear_probe"),
    ],
)
def test_what_is_missing_is_named(
    counted: tuple[Path, list[dict[str, Any]]], tmp_path: Path, missing: str, stage: str | None
):
    here = shutil.copytree(counted[0], tmp_path / "study")
    (here / missing).rename(tmp_path / "elsewhere")
    with pytest.raises(StudyError, match=missing) as error:
        cost(small.chosen(), small.data(), here)
    assert stage is None or f"`dvc repro {stage}`" in str(error.value)
