"""Stage capacity on a toy study that is trained for it: what it writes, and what it refuses."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from stages import capacity, full, head_only, headline, lora
from study.entry import command
from study.records import prepared
from study.records.json_file import read_json
from study.records.prepared import Prepared, Split
from tests.pipeline import toys as study_toys
from tests.study import toys

ROOT = Path(__file__).resolve().parents[2]
HIDDEN = 32  # of the toy model, and so the full rank of all its matrices
RANKS = [HIDDEN, 2]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which every stage before this one has run."""
    folder = tmp_path_factory.mktemp("study")
    study_toys.write_model(folder / "toys/model")
    shutil.copy(ROOT / "params.yaml", folder)
    changes: dict[str, Any] = {
        "lora.ranks": RANKS,
        "lora.rank": 2,
        "lora.learning_rates": [0.05],
        "full.learning_rates": [0.01],
        "head_only.learning_rates": [0.1],
        "capacity.covariance_sentences": 25,
    }
    study_toys.change(folder / "params.yaml", study_toys.SETTINGS | changes)
    data = toys.prepared(train=60, validation=24, test=150)

    def small(split: Split) -> Split:  # ids within the toy vocabulary
        return Split(5 + split.input_ids % 20, split.lengths, split.labels)

    parts = {name: small(getattr(data, name)) for name in prepared.SPLITS}
    words = {"label_names": ("0", "1"), "model_name": "model", "max_length": 16}
    prepared.save(Prepared(**parts, **words, pad_token_id=0), folder / "data/prepared")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for stage, *arguments in (
            (head_only,),
            (full,),
            *((lora, "--rank", str(rank)) for rank in RANKS),
            (headline,),
        ):
            patch.setattr("sys.argv", [stage.__name__, *arguments])
            stage.main()
    return folder


@pytest.fixture
def study(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh copy of it to work in."""
    shutil.copytree(trained, tmp_path / "study")
    monkeypatch.chdir(tmp_path / "study")
    return tmp_path / "study"


def record_of(study: Path) -> dict[str, Any]:
    command.run(capacity.main)
    found: dict[str, Any] = read_json(study / "metrics/capacity.json")
    return found


def test_at_the_full_rank_nothing_is_lost_and_the_rest_is_in_order(study: Path) -> None:
    record = record_of(study)
    assert record["differing"] == {"full": [0, 0], "lora": [0, 0]}
    assert record["largest_rank"] == HIDDEN
    runs = read_json(study / "metrics/runs/full.json")["runs"]
    on_validation = sum(run["validation_accuracy"] for run in runs) / len(runs)
    for kind in ("truncated", "weighted"):
        cut, whole = record["curves"][kind]
        assert (cut["rank"], whole["rank"]) == (2, HIDDEN)
        assert whole["accuracy"] == record["full"]["accuracy"]
        assert whole["gap_to_full"] == 0
        assert whole["validation_accuracy"] == pytest.approx(on_validation)
    # LoRA's own runs, and the largest one at its own rank, are those of the sweep.
    for row in record["curves"]["lora"]:
        runs = read_json(study / f"metrics/runs/lora-r{row['rank']}.json")["runs"]
        mean = sum(run["test_accuracy"] for run in runs) / len(runs)
        assert row["accuracy"] == pytest.approx(mean)
    largest = {row["rank"]: row for row in record["curves"]["largest_lora_truncated"]}
    assert largest[HIDDEN] == record["curves"]["lora"][1]
    # What is cut away or left out is seen in the scores, and each arm is another model.
    scores = {
        record["curves"]["truncated"][0]["accuracy"],
        record["full"]["accuracy"],
        record["rank_zero"]["accuracy"],
        record["target_modules_alone"]["accuracy"],
    }
    assert len(scores) > 2
    assert len(record["modules"]) == 2 * 6 + 1
    assert len(record["target_modules"]) == 4
    assert record["covariance_sentences"] == 25
    assert [reading["rank"] for reading in record["readings"]] == [2, HIDDEN]


def test_the_same_bytes_twice(study: Path) -> None:
    record_of(study)
    before = Path("metrics/capacity.json").read_bytes()
    record_of(study)
    assert Path("metrics/capacity.json").read_bytes() == before


def test_models_of_other_runs_are_refused(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The two seeds' folders are exchanged: shapes fit, predictions do not."""
    for folder, stage in (("data/adapters/r32", "lora@32"), ("data/full", "full")):
        swap(study / folder)
        with pytest.raises(SystemExit):
            command.run(capacity.main)
        said = capsys.readouterr().err
        assert f"{folder}/s0: classifies " in said
        assert "of 150 test sentences otherwise than its run in metrics/runs did" in said
        assert f"run `dvc repro {stage}`" in said
        swap(study / folder)
    assert not (study / "metrics/capacity.json").exists()


def swap(folder: Path) -> None:
    (folder / "s0").rename(folder / "s")
    (folder / "s1").rename(folder / "s0")
    (folder / "s").rename(folder / "s1")
