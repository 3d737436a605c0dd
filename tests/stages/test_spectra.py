"""The stages spectra and rules_of_thumb on toy runs: their files, the same each time."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from stages import rules_of_thumb, spectra
from study.entry.errors import StudyError
from study.records import prepared
from study.records.json_file import read_json, write_json
from tests.study.analyses.rules_of_thumb.test_record import sufficient
from tests.study.analyses.spectra.cases import write_runs
from tests.study.fake_records import fake_arm
from tests.study.toys import prepared as made
from tests.study.toys import saved

ROOT = Path(__file__).parents[2]


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the repository's settings for a toy model, its data and its runs."""
    yaml = YAML()
    settings: dict[str, Any] = yaml.load(ROOT / "params.yaml")
    settings["model"]["name"] = str(saved("bert"))
    settings["seeds"] = [4, 2]
    settings["lora"]["ranks"] = [3, 1]
    settings["spectra"]["gradient_sentences"] = 8
    yaml.dump(settings, tmp_path / "params.yaml")
    prepared.save(made(train=10), tmp_path / "data/prepared")
    write_runs(tmp_path / "data", [1, 3], [2, 4])
    shutil.copytree(tmp_path / "data/full", tmp_path / "data/shuffled_labels")
    full = fake_arm("full", seeds=[2, 4], num_sentences=20)
    write_json(tmp_path / "metrics/runs/full.json", full.to_json())
    epochs = {str(run.seed): run.best_epoch for run in full.picked()}
    write_json(tmp_path / "metrics/shuffled_labels.json", {"trained": True, "epochs": epochs})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_both_stages_write_their_records_the_same_each_time(workplace: Path) -> None:
    write_json("metrics/sufficient_rank.json", sufficient(1, m1=3))
    files = [Path("metrics/spectra.json"), Path("metrics/rules_of_thumb.json")]

    def run_both() -> list[bytes]:
        spectra.main()
        rules_of_thumb.main()
        return [file.read_bytes() for file in files]

    assert run_both() == run_both()
    record, scored = (read_json(file) for file in files)
    assert record["settings"] == {
        "energy": 0.9,
        "intruder_cosine": 0.5,
        "gradient_sentences": 8,
        "ranks": [1, 3],
        "seeds": [2, 4],
    }
    control = record["controls"]["shuffled_labels"]
    assert control["task"] == control["shuffled"]  # here they are the same models
    assert [(row["seed"], row["rank"]) for row in record["lora"][:4]] == [
        *((2, 1), (4, 1), (2, 3), (4, 3))
    ]
    assert scored["measured"] == {
        "recommended": 1,
        "split": "validation",
        "chosen_in": 0.05,
        "equivalent": {"1": 3},
    }
    assert len(scored["rules"]) == 10


def test_what_another_stage_has_not_made_is_named(workplace: Path) -> None:
    (workplace / "data/adapters/r3/s2/adapter_model.safetensors").unlink()
    with pytest.raises(StudyError, match=r"run `dvc repro lora@3`"):
        spectra.main()
    write_runs(workplace / "data", [1, 3], [2, 4])
    (workplace / "data/shuffled_labels/s4/config.json").unlink()
    with pytest.raises(StudyError, match=r"shuffled_labels/s4: .* run `dvc repro shuffled_labels`"):
        spectra.main()
    with pytest.raises(StudyError, match=r"metrics/spectra.json: no such file"):
        rules_of_thumb.main()


@pytest.mark.parametrize("epochs", [{"2": 1, "4": 9}, {"2": 1}, None])
def test_a_control_of_other_epochs_is_refused(
    workplace: Path, epochs: dict[str, int] | None
) -> None:
    record = {"trained": True} if epochs is None else {"trained": True, "epochs": epochs}
    write_json("metrics/shuffled_labels.json", record)
    with pytest.raises(StudyError, match=r"at epochs .*; run `dvc repro shuffled_labels`"):
        spectra.main()
