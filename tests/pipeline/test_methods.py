"""The methods' pipeline in the toy study: its settings, and what one change reruns."""

from __future__ import annotations

import pytest
from ruamel.yaml import YAML

from study.settings.whole import leaves
from study.studies.methods.settings import LORA_VARIANTS, OTHER_METHODS
from tests.pipeline import toys
from tests.pipeline.declared import declared, read
from tests.pipeline.study import Study

PARAMS = "methods/params.yaml"
SETTINGS = {"rank": 2, "prefix.virtual_tokens": 4}
FEW = {"lora_variants": ["lora", "qlora"], "others": ["bitfit", "ia3"]}  # each starts a process


@pytest.fixture
def prepared(study: Study) -> Study:
    """The finished study with the methods' pipeline, and settings that fit the toys."""
    study.add_pipeline("methods")
    toys.change(study.root / PARAMS, SETTINGS)
    return study


def test_each_stage_reads_what_it_declares(prepared: Study) -> None:
    stages = [("lora_variant", name) for name in LORA_VARIANTS]
    stages += [("method", name) for name in OTHER_METHODS]
    rest = ["compare", "plot"]
    commands = [[f"methods.{stage}", "--name", name] for stage, name in stages]
    commands += [[f"methods.{stage}"] for stage in rest]
    found = read(prepared, commands)
    on_ray = {key for key in leaves() if key.startswith("ray.")}
    for (stage, name), keys in zip(stages, found, strict=False):
        if name != "qlora":  # left out where rows are no whole blocks, before all is read
            assert keys | on_ray == declared(prepared, stage, "methods", name=name), name
    for stage, keys in zip(rest, found[len(stages) :], strict=True):
        assert keys == declared(prepared, stage, "methods"), stage


def test_one_methods_setting_trains_that_one_alone(prepared: Study) -> None:
    settings = YAML(typ="safe").load(prepared.text(PARAMS))
    assert settings["lora_variants"] == list(LORA_VARIANTS)
    assert settings["others"] == list(OTHER_METHODS)
    toys.change(prepared.root / PARAMS, FEW)
    first = prepared.repro("methods/dvc.yaml").ran
    variants = {f"methods/dvc.yaml:lora_variant@{name}" for name in FEW["lora_variants"]}
    others = {f"methods/dvc.yaml:method@{name}" for name in FEW["others"]}
    assert {name for name in first if "@" in name} == variants | others
    assert prepared.repro("methods/dvc.yaml").ran == []
    toys.change(prepared.root / PARAMS, {"ia3.learning_rates": [0.05]})
    assert prepared.repro("methods/dvc.yaml").ran == [
        "methods/dvc.yaml:check",  # of every setting, before anything is trained
        "methods/dvc.yaml:method@ia3",
        "methods/dvc.yaml:compare",
        "methods/dvc.yaml:plot",
    ]
