"""Stage select on a toy study that was really trained: what it hands out is what the run was.

The toy's checkpoint lacks a pooler, which training drew at random: whoever loads the base anew
draws another, so that the run comes back only if it was handed out too.
"""

from __future__ import annotations

import re
import shutil
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import ModelCard, ModelCardData
from huggingface_hub.repocard_data import model_index_to_eval_results
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from stages import aggregate, full, head_only, headline, linear_probe, lora, prepare, select
from study.entry import command
from study.records import prepared
from study.records.checked import CHECKED, write_checked
from study.records.json_file import read_json, write_json
from study.records.runs import ArmRecord, read_arm
from tests.pipeline import toys

ROOT = Path(__file__).resolve().parents[2]
RANK = 2
ADAPTER, MERGED = Path("data/selected/adapter"), Path("data/selected/merged")
TENSORS = "adapter_model.safetensors"
POOLER = "base_model.model.bert.pooler.dense.weight"


@pytest.fixture(scope="module")
def _study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which every stage that select stands behind has run."""
    folder = tmp_path_factory.mktemp("study")
    toys.write_model(folder / "toys/model")
    toys.write_csv(folder / "toys/sentences.csv", toys.sentences())
    shutil.copy(ROOT / "params.yaml", folder)
    toys.change(folder / "params.yaml", toys.SETTINGS)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_checked(CHECKED, "packed", "fit")
        for stage, *arguments in (
            *((prepare,), (head_only,), (full,), (lora, "--rank", "1"), (lora, "--rank", "2")),
            *((linear_probe,), (headline,), (aggregate,)),
        ):
            patch.setattr(sys, "argv", ["stage", *arguments])
            stage.main()
        picked = {"rank": RANK, "rule": "the smallest that will do", "split": "validation"}
        # What the table says of the rank, for all ranks together, is not what the answer says.
        table = [{"margin": 1.0, "ranks": [{"rank": RANK, "verdict": "equivalent"}]}]
        answer = {"margins": [{"margin": 1.0, "verdict": "cannot be told"}]}
        record = {"recommended": picked, "answer": answer, "equivalence": table}
        write_json("metrics/sufficient_rank.json", record)
        patch.setattr(sys, "argv", ["stage"])
        select.main()
    return folder


@pytest.fixture
def study(_study: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That folder, to look at."""
    monkeypatch.chdir(_study)
    monkeypatch.setattr(sys, "argv", ["select"])
    return _study


@pytest.fixture
def copy(_study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, to change."""
    folder = tmp_path / "study"
    shutil.copytree(_study, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["select"])
    return folder


def arm() -> ArmRecord:
    return read_arm(f"metrics/runs/lora-r{RANK}.json")


def picked_run() -> Any:
    """The best run on validation, found another way than the stage's."""
    return sorted(arm().picked(), key=lambda run: (-run.validation_score, run.seed))[0]


def load_lines(card: Path) -> list[str]:
    """The lines of Python in a card."""
    (block,) = re.findall(r"```python\n(.*?)\n```", card.read_text(encoding="utf-8"), re.DOTALL)
    return block.split("\n")


def run_lines(card: Path) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec("\n".join(load_lines(card)), names)
    return names


@torch.no_grad()
def logits(model: Any) -> torch.Tensor:
    """Logits of the test sentences, one at a time."""
    test = prepared.load("data/prepared").test
    ends = test.offsets.tolist()
    rows = [test.input_ids[a:b].long()[None] for a, b in pairwise(ends)]
    return torch.cat([model.eval()(ids).logits for ids in rows])


def fails(capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as stopped:
        command.run(select.main)
    assert stopped.value.code == 2
    return capsys.readouterr().err


def test_the_lines_of_the_card_load_the_adapter_and_it_predicts_what_its_run_did(study):
    loaded = run_lines(ADAPTER / "README.md")
    assert isinstance(loaded["model"], PeftModel)
    predicted = logits(loaded["model"]).argmax(1).tolist()
    assert predicted == list(picked_run().test_predictions)
    assert len(set(predicted)) == 2
    assert loaded["tokenizer"]("great film")["input_ids"]


@torch.no_grad()
@pytest.mark.parametrize("folder", [ADAPTER, MERGED], ids=["adapter", "merged"])
def test_the_lines_of_each_card_go_from_a_text_to_the_name_of_its_class(copy, folder):
    """The last line is a call, whose answer is looked at for many texts."""
    record = read_json(path := Path(f"metrics/runs/lora-r{RANK}.json"))
    write_json(path, record | {"label_names": ["pan", "praise"]})
    select.main()
    names = run_lines(folder / "README.md")
    (call,) = [line for line in load_lines(folder / "README.md") if line.startswith("classify(")]
    (answer,) = eval(call, names)
    assert answer["label"] in ("pan", "praise")
    model = run_lines(ADAPTER / "README.md")["model"]
    tokenizer = AutoTokenizer.from_pretrained("toys/model")
    texts = [row["text"] for row in toys.sentences()[:20]]
    scores = [model(**tokenizer(text, return_tensors="pt")).logits.softmax(1) for text in texts]
    found = names["classify"](texts, truncation=True)
    assert [row["label"] for row in found] == [
        ["pan", "praise"][score.argmax()] for score in scores
    ]
    for row, score in zip(found, scores, strict=True):
        assert row["score"] == pytest.approx(float(score.max()), abs=1e-5)
    assert len({row["label"] for row in found}) == 2
    assert len(names["classify"].tokenizer("film " * 99, truncation=True)["input_ids"]) == 16


def test_merged_and_unmerged_logits_are_the_same(study):
    merged = AutoModelForSequenceClassification.from_pretrained(MERGED)
    unmerged = logits(run_lines(ADAPTER / "README.md")["model"])
    assert merged.dtype == torch.float32
    assert merged.config.id2label == {0: "0", 1: "1"}
    assert merged.config.problem_type == "single_label_classification"
    torch.testing.assert_close(logits(merged), unmerged, rtol=0, atol=1e-5)


def test_what_the_checkpoint_lacks_is_handed_out_with_the_adapter(copy):
    tensors = load_file(ADAPTER / TENSORS)
    assert POOLER in tensors
    model = run_lines(ADAPTER / "README.md")["model"]
    right = logits(model)
    save_file(tensors | {POOLER: torch.zeros_like(tensors[POOLER])}, ADAPTER / TENSORS)
    assert not torch.allclose(logits(run_lines(ADAPTER / "README.md")["model"]), right, atol=1e-2)


def test_the_adapter_is_that_of_the_best_seed_on_validation(copy):
    """Whichever seed it is; of equals the smallest."""
    path = Path(f"metrics/runs/lora-r{RANK}.json")
    record = read_json(path)
    for best in (0, 1):
        for run in record["runs"]:
            run["validation_accuracy"] = 0.75 if run["seed"] == best else 0.5
        write_json(path, record)
        select.main()
        assert_factors_of(best)
    for run in record["runs"]:
        run["validation_accuracy"] = 0.75
    write_json(path, record)
    select.main()
    assert_factors_of(0)


def assert_factors_of(seed: int) -> None:
    given = load_file(ADAPTER / TENSORS)
    trained = load_file(Path(f"data/adapters/r{RANK}/s{seed}") / TENSORS)
    assert trained.keys() <= given.keys()
    for name, tensor in trained.items():
        assert torch.equal(given[name], tensor), name


@pytest.mark.parametrize("folder", [ADAPTER, MERGED], ids=["adapter", "merged"])
def test_the_card_is_one_of_the_hubs_and_has_the_accuracies(study, folder):
    card = ModelCard.load(folder / "README.md")
    summary = read_json("metrics/summary.json")
    assert card.data.library_name == {ADAPTER: "peft", MERGED: "transformers"}[folder]
    assert card.data.base_model is None  # no hub id is made up, and no path of this machine
    assert card.data.pipeline_tag == "text-classification"
    assert card.data.get("datasets") is None
    assert card.data.get("license") is None
    assert "the header has none" in card.text
    assert "the local model `model` with a low-rank update" in card.text
    assert "The local source `sentences.csv`, without duplicates" in card.text
    of_run, of_rank = card.data.eval_results
    assert (of_run.dataset_type, of_run.dataset_name.split(" ")[0]) == ("csv", "sentences.csv")
    entry = summary["lora"][str(RANK)]
    assert of_run.metric_value == pytest.approx(picked_run().test_score, abs=1e-4)
    assert of_rank.metric_value == pytest.approx(entry["test_accuracy"], abs=1e-4)
    assert of_rank.metric_args["low"] == pytest.approx(entry["low"], abs=1e-4)
    assert of_rank.metric_args["high"] == pytest.approx(entry["high"], abs=1e-4)
    assert of_run.dataset_split == "test"
    for heading in ("Training data", "How it was trained", "Results", "Limits", "Licence"):
        assert f"\n## {heading}\n" in card.text
    assert "Within 1 point: cannot be told" in card.text
    assert "2 epochs, of which validation picked" in card.text
    assert "48 of the 48 test sentences as the run did" in card.text


def test_what_the_bases_own_card_says_stands_in_the_header(copy):
    """And the header can be read back: huggingface_hub writes the same one again."""
    Path("toys/model/README.md").write_text(
        "---\nlicense: apache-2.0\nlanguage: en\n---\n# toy\n\nX.from_pretrained('someone/toy')\n",
        encoding="utf-8",
    )
    select.main()
    for folder in (ADAPTER, MERGED):
        card = ModelCard.load(folder / "README.md", ignore_metadata_errors=False)
        assert (card.data.base_model, card.data.license) == ("someone/toy", "apache-2.0")
        assert "`someone/toy` (the name in its own card; it was read from the local" in card.text
        assert "says `apache-2.0`, which the header repeats" in card.text
        header = card.data.to_dict()
        name, results = model_index_to_eval_results(header.pop("model-index"))
        again = ModelCardData(**header, model_name=name, eval_results=results)
        assert again.to_yaml() == card.data.to_yaml()


def test_no_file_names_this_machine_and_all_are_the_same_bytes_again(copy):
    files = {path: path.read_bytes() for path in Path("data/selected").rglob("*.*")}
    assert len(files) == 8
    for path, content in files.items():
        assert str(copy.parent).encode() not in content, path
    shutil.rmtree("data/selected")
    select.main()
    assert {path: path.read_bytes() for path in Path("data/selected").rglob("*.*")} == files


def test_an_adapter_of_another_study_is_refused_and_nothing_is_written(copy, capsys):
    run = picked_run()
    folder = Path(f"data/adapters/r{RANK}/s{run.seed}")
    tensors = load_file(folder / TENSORS)
    head = next(name for name in tensors if name.endswith("classifier.weight"))
    save_file(tensors | {head: -tensors[head]}, folder / TENSORS)
    shutil.rmtree("data/selected")
    error = fails(capsys)
    assert f"run `dvc repro lora@{RANK}`" in error
    assert "of the test sentences as its run did" in error
    assert not Path("data/selected").exists()


def unrecommended(**settings: object) -> None:
    """Let the study recommend no rank, and run the stage."""
    path = Path("metrics/sufficient_rank.json")
    record = read_json(path)
    record["recommended"] |= {"rank": None, "of_all": RANK}
    write_json(path, record)
    toys.change(Path("params.yaml"), settings)
    select.main()


def test_where_no_rank_is_recommended_none_is_handed_out_and_the_readme_says_why(copy, capsys):
    unrecommended(**{"select.force": False})
    assert [path.name for path in Path("data/selected").iterdir()] == ["README.md"]
    said = Path("data/selected/README.md").read_text(encoding="utf-8")
    assert "No rank of LoRA trained well enough" in said
    assert "`dvc exp run -S select.force=true`" in said
    assert "no adapter was selected" in capsys.readouterr().out


def test_a_forced_adapter_is_the_rules_rank_and_says_that_it_is_not_recommended(copy):
    unrecommended(**{"select.force": True})
    card = (ADAPTER / "README.md").read_text(encoding="utf-8")
    assert "**The study does not recommend this adapter: no rank trained well enough.**" in card
    assert "is what the study recommends" not in card
    assert (MERGED / "README.md").is_file()


def test_a_rank_outside_of_the_sweep_and_a_missing_adapter_are_errors(copy, capsys):
    record = read_json("metrics/sufficient_rank.json")
    shutil.rmtree(f"data/adapters/r{RANK}")
    assert f"run `dvc repro lora@{RANK}`" in fails(capsys)
    record["recommended"]["rank"] = 64
    write_json("metrics/sufficient_rank.json", record)
    assert "recommended rank 64; allowed: 1, 2" in fails(capsys)
    write_json("metrics/sufficient_rank.json", {})
    assert "no such record" in fails(capsys)
