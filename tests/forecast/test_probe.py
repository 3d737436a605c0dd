"""The probe on toys: it trains what the study trains, and leaves nothing."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from forecast import probe, probes
from forecast.clock import Clock
from forecast.measured import Measured
from study.entry.errors import StudyError
from study.records import prepared
from study.settings import whole
from study.settings.whole import Settings
from tests.forecast.cases import DATA, ROOT, settings
from tests.pipeline import toys as study_toys
from tests.study import toys

RANK = 4


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    """Settings of a saved toy model, in a folder that is to stay empty."""
    monkeypatch.chdir(tmp_path)
    chosen = settings()
    model = dataclasses.replace(chosen.model, name=str(toys.saved("bert")))
    return dataclasses.replace(chosen, model=model)


@pytest.mark.parametrize(
    ("arm", "rank", "runs"), [("head_only", None, 2), ("lora", RANK, 2), ("full", None, 1)]
)
def test_an_arm_is_measured_by_training_it(
    own: Settings, arm: str, rank: int | None, runs: int
) -> None:
    found = probe.measure(own, DATA, arm, rank, (0, 1))
    classes = 2
    model = toys.load(toys.saved("bert"))
    hidden = model.config.hidden_size
    layers = model.config.num_hidden_layers
    head = classes * hidden + classes
    adapter = layers * 2 * 2 * hidden * RANK
    every = sum(p.numel() for p in model.parameters())
    trained = {"head_only": head, "lora": head + adapter, "full": every}
    assert (found.arm, found.rank, found.runs) == (arm, rank, runs)
    assert (found.head, found.trainable, found.total) == (head, trained[arm], every)
    assert found.steps == min(probe.MOST, 10)  # toys' steps are quick: all 10 of an epoch
    assert found.peak_bytes >= found.before_bytes > 0
    assert found.gpu_bytes is None
    assert found.step.alone > 0
    assert found.validation.alone > 0
    assert not list(Path.cwd().iterdir())


def test_what_was_found_travels_whole(own: Settings) -> None:
    found = probe.measure(own, DATA, "lora", 1, (0, 1))
    assert Measured.from_json(json.loads(json.dumps(dataclasses.asdict(found)))) == found


def test_the_clock_sees_every_step_and_every_validation(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    with monkeypatch.context() as patch:
        patch.setattr("tests.study.toys.Progress", lambda *_: clock)
        toys.train_lora([toys.lora_run(0), toys.lora_run(1)], epochs=3)
    assert len(clock.each_step()) == 3 * 8
    assert len(clock.validations()) == 3
    spent = [*clock.each_step(), *clock.validations()]
    assert all(each.wall >= 0 and each.alone >= 0 for each in spent)
    last = clock.finished - clock.started
    assert sum(each.wall for each in spent) <= last.wall


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a probe's process reads."""
    folder = tmp_path_factory.mktemp("probe")
    (folder / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    changes: dict[str, Any] = study_toys.SETTINGS | {"model.name": str(toys.saved("bert"))}
    study_toys.change(folder / "params.yaml", changes)
    prepared.save(DATA, folder / "prepared")
    return folder


def test_a_process_of_its_own_gives_back_what_it_found(folder: Path) -> None:
    assert whole.load(folder / "params.yaml").seeds == (0, 1)
    found = probes.probe(folder, [("lora", 2, (0, 1)), ("full", None, (0, 1))], kernels=True)
    arms = [(each.arm, each.rank) for each in found.measured if each is not None]
    assert arms == [("lora", 2), ("full", None)]
    assert set(found.kernels) == {"svd", "eigh", "theory_bound", "theory"}
    assert found.start.wall > 0


def test_what_the_study_refuses_the_probe_refuses(folder: Path) -> None:
    with pytest.raises(StudyError, match="999"):
        probes.probe(folder, [("lora", 999, (0, 1))])


def test_an_arm_that_memory_ran_out_for_is_none() -> None:
    lines = [{"started": 2.0, "computed": 0.5}, {"arm": "full", "out_of_memory": True}]
    found = probes._read(lines, 1.0, 1)
    assert found.measured == (None,)
    assert (found.start.wall, found.start.alone) == (1.0, 0.5)
