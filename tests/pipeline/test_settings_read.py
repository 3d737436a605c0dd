"""Each stage's `params` in dvc.yaml are the settings that it reads: no fewer, no more.

A setting that is read but not declared gives stale results; one that is declared but not read
gives needless reruns. Training stages run here without the packages that the training path must
do without.
"""

from __future__ import annotations

import json

from study.settings.whole import leaves
from tests.pipeline import toys
from tests.pipeline.declared import declared, read
from tests.pipeline.study import Study
from tests.test_architecture import HEAVY


def test_stages_that_do_not_train_read_what_they_declare(study: Study) -> None:
    stages = [
        *("theory_bound", "theory", "aggregate", "sufficient_rank", "learning_rate", "agreement"),
        *("capacity", "spectra", "rules_of_thumb", "cost", "claims", "select", "plot"),
        *("linear_probe", "undertraining"),
    ]
    for stage, keys in zip(stages, read(study, [[stage] for stage in stages]), strict=True):
        assert keys == declared(study, stage), stage


def test_preparing_reads_what_it_declares(study: Study) -> None:
    """With test sentences of their own, and without: some settings matter only to one of them."""
    (alone,) = read(study, [["prepare"]])
    toys.write_csv(study.root / "toys/test.csv", toys.sentences()[:60])
    toys.change(
        study.root / "params.yaml", {"data.test_name": "toys/test.csv", "data.test_size": None}
    )
    (with_test,) = read(study, [["prepare"]])
    assert alone | with_test == declared(study, "prepare")


def test_training_reads_what_it_declares(study: Study) -> None:
    """The headline's settings are those of both its ways: taken from the sweep, and trained.

    Those of Ray are read by the same few lines in every stage, where Ray trains: started for the
    stage, to the same runs.
    """
    commands = [["head_only"], ["full"], ["shuffled_labels"], ["lora", "--rank", "1"], ["headline"]]
    head_only, full, shuffled, lora, taken = read(study, commands, without=HEAVY)
    on_ray = {key for key in leaves() if key.startswith("ray.")}
    assert head_only | on_ray == declared(study, "head_only")
    assert full | on_ray == declared(study, "full")
    # The control has one rate, of which none is dropped; what drops full's makes it run again.
    assert shuffled | on_ray == declared(study, "shuffled_labels") - {"train.early_exit"}
    assert lora | on_ray == declared(study, "lora")

    runs = json.loads(study.text("metrics/runs/lora-r1.json"))["runs"]
    changes = {"lora.ranks": [2], "train.executor": "ray", "ray.address": "local", "ray.cpus": 1}
    changes |= {"lora.learning_rates": [0.1]}  # one worker is enough
    toys.change(study.root / "params.yaml", changes)
    (trained,) = read(study, [["headline"]], without=HEAVY)
    assert on_ray <= trained
    assert taken | trained == declared(study, "headline")
    found = json.loads(study.text("metrics/headline.json"))["runs"]
    assert found == [run for run in runs if run["learning_rate"] == 0.1]
