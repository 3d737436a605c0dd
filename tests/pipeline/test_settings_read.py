"""Each stage's `params` in dvc.yaml are the settings that it reads: no fewer, no more.

A setting that is read but not declared gives stale results; one that is declared but not read
gives needless reruns. Training stages run here without the packages that the training path must
do without.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from ruamel.yaml import YAML

from study.settings import leaves
from tests.pipeline import toys
from tests.pipeline.study import REPOSITORY, Study
from tests.test_architecture import HEAVY

PIPELINE: dict[str, Any] = YAML(typ="safe").load((REPOSITORY / "dvc.yaml").read_text())


def declared(stage: str) -> set[str]:
    """The leaves that a stage declares; a section stands for all that is in it."""
    keys = PIPELINE["stages"][stage].get("params", [])
    covered = {key: {s for s in leaves() if s == key or s.startswith(key + ".")} for key in keys}
    for key, found in covered.items():
        assert found, f"{stage}: {key} is no setting"
    return set().union(*covered.values())


def read(study: Study, commands: list[list[str]], without: tuple[str, ...] = ()) -> list[set[str]]:
    """Run stages in the study's folder; return what each command read."""
    script = [sys.executable, "-m", "tests.pipeline.settings_read"]
    done = subprocess.run(
        [*script, json.dumps(commands), json.dumps(without)],
        cwd=study.root,
        env=study.environment() | {"PYTHONPATH": f"{study.root}:{REPOSITORY}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [set(keys) for keys in json.loads(done.stdout)]


def test_stages_that_do_not_train_read_what_they_declare(study: Study) -> None:
    stages = [
        *("theory_bound", "theory", "aggregate", "sufficient_rank", "learning_rate", "agreement"),
        *("capacity", "spectra", "rules_of_thumb", "cost", "speed", "claims", "select", "plot"),
    ]
    for stage, keys in zip(stages, read(study, [[stage] for stage in stages]), strict=True):
        assert keys == declared(stage), stage


def test_preparing_reads_what_it_declares(study: Study) -> None:
    """With test sentences of their own, and without: some settings matter only to one of them."""
    (alone,) = read(study, [["prepare"]])
    toys.write_csv(study.root / "toys/test.csv", toys.sentences()[:60])
    toys.change(
        study.root / "params.yaml", {"data.test_name": "toys/test.csv", "data.test_size": None}
    )
    (with_test,) = read(study, [["prepare"]])
    assert alone | with_test == declared("prepare")


def test_training_reads_what_it_declares(study: Study) -> None:
    """The headline's settings are those of both its ways: taken from the sweep, and trained.

    Those of Ray are read by the same few lines in every stage, where Ray trains.
    """
    commands = [["head_only"], ["full"], ["lora", "--rank", "1"], ["headline"]]
    head_only, full, lora, taken = read(study, commands, without=HEAVY)
    on_ray = {key for key in leaves() if key.startswith("ray.")}
    assert head_only | on_ray == declared("head_only")
    assert full | on_ray == declared("full")
    assert lora | on_ray == declared("lora")

    changes = {"lora.rank": 4, "train.executor": "ray", "ray.address": "local", "ray.cpus": 1}
    toys.change(study.root / "params.yaml", changes)
    (trained,) = read(study, [["headline"]], without=HEAVY)
    assert on_ray <= trained
    assert taken | trained == declared("headline")
