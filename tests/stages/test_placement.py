"""The stages of placement/ in one process, at toy size: what they write, and what they refuse."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from checks import readme
from stages import full, head_only, lora
from stages.placement import compare, plot, train
from study.entry import command
from study.records import prepared
from study.records.json_file import read_json, write_json
from study.records.logits import read_logits
from study.records.prepared import Prepared, Split
from study.records.runs import ArmRecord
from tests.pipeline import toys as study_toys
from tests.study import toys

ROOT = Path(__file__).resolve().parents[2]
RANKS = (1, 2, 4)  # of the main study
NAMES = ["query_value", "attention", "all_linear", "upper_half"]
SETTINGS: dict[str, Any] = {
    "placements": NAMES,
    "ranks": [1],
    "attention.learning_rates": [0.1, 0.01],
    "all_linear.learning_rates": [0.1],
}
RECORD = "placement/metrics/placement.json"


def run(stage: Any, *arguments: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [stage.__name__, *arguments])
        command.run(stage.main)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A toy study whose placements have been trained and compared."""
    folder = tmp_path_factory.mktemp("placement")
    study_toys.write_model(folder / "toys/model")
    shutil.copy(ROOT / "params.yaml", folder)
    study_toys.change(folder / "params.yaml", study_toys.SETTINGS | {"lora.ranks": list(RANKS)})
    (folder / "placement").mkdir()
    shutil.copy(ROOT / "placement/params.yaml", folder / "placement")
    study_toys.change(folder / "placement/params.yaml", SETTINGS)
    data = toys.prepared(train=40, validation=24, test=30)

    def small(split: Split) -> Split:  # ids within the toy vocabulary
        return Split(5 + split.input_ids % 20, split.lengths, split.labels)

    parts = {name: small(getattr(data, name)) for name in prepared.SPLITS}
    words: dict[str, Any] = {"label_names": ("0", "1"), "model_name": "model", "max_length": 16}
    prepared.save(Prepared(**parts, **words, pad_token_id=0), folder / "data/prepared")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run(head_only)
        run(full)
        for rank in RANKS:
            run(lora, "--rank", str(rank))
        for name in NAMES:
            run(train, "--name", name, "--rank", "1")
        run(compare)
        run(plot)
    return folder


@pytest.fixture
def study(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh copy of it to work in."""
    shutil.copytree(finished, tmp_path / "study")
    monkeypatch.chdir(tmp_path / "study")
    return tmp_path / "study"


def cell(name: str, rank: int = 1) -> Any:
    return read_json(f"placement/metrics/runs/{name}-r{rank}.json")


def test_what_each_trains_and_what_the_main_study_has(study: Path) -> None:
    record = read_json(RECORD)
    arms = {(row["name"], row["rank"]): row for row in record["arms"]}
    trained = [(name, 1) for name in NAMES[1:]]
    assert list(arms) == [*(("query_value", rank) for rank in RANKS), *trained]
    assert [key for key, row in arms.items() if row["main"]] == [
        ("query_value", rank) for rank in RANKS
    ]
    assert "run" not in cell("query_value")
    assert "the main study's LoRA is in these modules" in cell("query_value")["reason"]
    assert cell("attention")["main"]["name"] == "query_value"
    one = arms["query_value", 1]["adapter_parameters"]
    assert arms["attention", 1]["adapter_parameters"] == 2 * one
    assert arms["all_linear", 1]["adapter_parameters"] > 3 * one
    assert cell("upper_half")["place"]["layers"] == [1]
    assert record["left_out"] == []
    assert record["answer"]["ranks"] == [[1, 4]]
    for name, rank in trained:
        own = ArmRecord.from_json(cell(name)["run"])
        assert (own.arm, own.rank) == ("lora", rank)
        assert [run.seed for run in own.picked()] == [0, 1]
        assert arms[name, rank]["test_accuracy"] == pytest.approx(
            sum(run.test_score for run in own.picked()) / 2
        )
        logits = read_logits(f"placement/metrics/logits/{name}-r{rank}.safetensors")
        assert list(logits.test) == [0, 1]
        assert tuple(logits.test[0].argmax(axis=1).tolist()) == own.picked()[0].test_predictions


def test_the_first_seed_tries_every_rate_and_the_others_the_best(study: Path) -> None:
    own = ArmRecord.from_json(cell("attention")["run"])
    first = {run.learning_rate: run.validation_score for run in own.runs if run.seed == 0}
    assert set(first) == {0.1, 0.01}
    assert own.learning_rate == max(sorted(first), key=lambda rate: first[rate])
    assert [run.learning_rate for run in own.runs if run.seed == 1] == [own.learning_rate]
    shown = next(row for row in read_json(RECORD)["arms"] if row["name"] == "attention")
    assert [row["validation"] for row in shown["rates"] if row["rate"] != own.learning_rate] == [
        score for rate, score in first.items() if rate != own.learning_rate
    ]


def test_the_head_and_the_batches_are_those_of_the_main_study(study: Path) -> None:
    """Before the first step every arm computes what the base does with the same head."""
    main = ArmRecord.from_json(read_json("metrics/runs/lora-r1.json"))
    for name in NAMES[1:]:
        own = ArmRecord.from_json(cell(name)["run"])
        pairs = zip(main.picked(), own.picked(), strict=True)
        for one, other in pairs:
            assert other.loss_values[0] == pytest.approx(one.loss_values[0], abs=2e-4)


def test_a_place_that_a_model_lacks_is_left_out(study: Path) -> None:
    study_toys.change(
        study / "placement/params.yaml", {"lower_half.target_modules": ["layer.1.output.dense"]}
    )
    run(train, "--name", "lower_half", "--rank", "1")
    reason = cell("lower_half")["reason"]
    assert reason.startswith("placement/params.yaml:lower_half.target_modules: none of layer.1")
    study_toys.change(study / "placement/params.yaml", {"placements": [*NAMES, "lower_half"]})
    run(compare)
    (left_out,) = read_json(RECORD)["left_out"]
    assert left_out["reason"] == reason
    run(plot)


def test_the_same_bytes_twice(study: Path) -> None:
    before = {
        path: path.read_bytes()
        for path in (study / "placement").rglob("*")
        if "machine" not in str(path) and path.is_file()
    }
    run(train, "--name", "attention", "--rank", "1")
    run(compare)
    run(plot)
    assert all(path.read_bytes() == content for path, content in before.items())


def test_results_that_are_missing_or_of_another_study_are_named(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said() -> str:
        capsys.readouterr()
        with pytest.raises(SystemExit):
            run(compare)
        found = capsys.readouterr().err
        assert found.count("\n") == 1
        return found

    own = study / "placement/metrics/runs/attention-r1.json"
    value = cell("attention")
    own.unlink()
    assert "attention-r1.json: no such file; run `dvc repro placement/dvc.yaml`" in said()
    write_json(own, {"name": "attention"})
    assert "attention-r1.json: no record of a placement" in said()
    write_json(own, value | {"rank": 2})
    assert "attention-r1.json: holds attention at rank 2" in said()
    fewer = [one for one in value["run"]["runs"] if one["seed"] == 0]
    write_json(own, value | {"run": value["run"] | {"runs": fewer}})
    assert "seeds [0], but full fine-tuning's are [0, 1]" in said()
    labels = value["run"]["test_labels"]
    write_json(own, value | {"run": value["run"] | {"test_labels": labels[1:]}})
    assert "another test than metrics/runs/full.json" in said()
    write_json(own, value)
    (study / "metrics/runs/full.json").unlink()
    assert "metrics/runs/full.json: no such file" in said()


def test_the_page_takes_what_it_is_given(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "placement/README.md").read_text(encoding="utf-8")
    shown = readme.placement.blocks(read_json(RECORD))
    for name, content in shown.items():
        page = readme.with_block(page, name, content)
    assert page.index(shown["answer"]) < page.index("## ")
    monkeypatch.setattr(readme, "PLACEMENT", Path("nothing.json"))
    monkeypatch.setattr(readme, "study_blocks", dict)
    assert readme.pages()[readme.PLACEMENT_README] == {}


def test_a_rank_above_a_layers_size_is_refused(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run(train, "--name", "attention", "--rank", "999")
    said = capsys.readouterr().err
    assert "placement/params.yaml:ranks: 999, attention: lora: rank 999 is above" in said


def test_a_name_that_is_none(study: Path) -> None:
    with pytest.raises(SystemExit):
        run(train, "--name", "nowhere", "--rank", "1")
