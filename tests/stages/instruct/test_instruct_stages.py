"""The stages of instruct/dvc.yaml in one process, at toy size."""

from __future__ import annotations

import importlib.util
import json
import math
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from stages.instruct import base, check, compare, full, generate, prepare, rank
from study.arms import arm
from study.batches.feeds import TokenFeed
from study.entry import command
from study.models.causal import PackedCausalLM
from study.records import prepared
from study.records.checked import write_checked
from study.records.json_file import read_json
from study.studies.instruct.training.records import read_base, read_tuned
from tests.pipeline.toys import change
from tests.study.studies.instruct import toys

Call = Callable[..., None]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toys.write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def study(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study's folder beside which the stages run."""
    toys.write_study(tmp_path / "mine", model)
    write_checked(tmp_path / "mine/checked.json", "packed", "fit")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "mine"


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch) -> Call:
    """Run a stage as its command line does, in the folder `mine`."""

    def run(stage: Any, *arguments: str) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", [stage.__name__, *arguments, "--study", "mine"])
            patch.chdir(Path.cwd())
            command.run(stage.main)

    return run


def run_all(call: Call) -> None:
    call(prepare)
    call(base)
    call(full)
    call(rank, "--rank", "2")
    call(rank, "--rank", "4")
    call(generate)
    call(compare)


def contents(study: Path) -> dict[str, bytes]:
    """Return what stages wrote, but the machine's files and what shows their seconds."""
    return {
        str(path.relative_to(study)): path.read_bytes()
        for path in sorted(study.rglob("*"))
        if path.is_file()
        and not {"machine", "model"} & set(path.relative_to(study).parts)
        and path.name not in ("params.yaml", "pairs.jsonl", "README.md")
    }


def test_the_same_bytes_twice_and_the_seed_documents_names(study: Path, call: Call) -> None:
    run_all(call)
    first = contents(study)
    for path in first.keys() - {"checked.json"}:  # which stage check writes
        (study / path).unlink()
    torch.manual_seed(5)
    run_all(call)
    assert contents(study) == first
    adapter = ("adapter_config.json", "adapter_model.safetensors")
    assert sorted(first) == sorted(
        [
            *("data/prepared/data.safetensors", "data/prepared/prepared.json", "data.json"),
            *(
                "checked.json",
                "base.json",
                "full.json",
                "generated.json",
                "all_results.json",
                "rank_comparison.png",
                "rank_comparison.svg",
            ),
            *(f"ranks/rank_{r}/run_data.json" for r in (2, 4)),
            *(f"data/adapters/r{r}/s0/{name}" for r in (2, 4) for name in adapter),
        ]
    )
    page = (study / "README.md").read_text()
    assert "TBD" not in page
    assert "rank_comparison.png" in page
    record = read_json(study / "all_results.json")
    assert [row["rank"] for row in record["ranks"]] == [2, 4]
    assert record["reference_rank"] == 4
    assert len(record["questions"]) == 5
    assert record["questions"][3]["verdict"] == "holds"
    assert record["full"]["trainable_parameters"] == record["total_parameters"]
    assert record["full"]["operations"] > record["ranks"][1]["operations"]
    assert record["before"]["test_loss"] == pytest.approx(
        read_base(study / "base.json").test_loss, rel=1e-5
    )


def test_prepare_says_what_is_left_out_and_how_responses_end(
    study: Path, call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [*toys.alpaca_rows(90), {"instruction": "Say no more.", "output": ""}]
    (study / "pairs.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    bare = "{% for m in messages %}[{{ m['role'] }}]{{ m['content'] }}{% endfor %}"
    asks = "{% if add_generation_prompt %}[assistant]{% endif %}"
    (study / "model/chat_template.jinja").write_text(bare + asks, encoding="utf-8")
    call(prepare)
    said = capsys.readouterr().out
    assert "left out of 91 rows: empty_response 1\n" in said
    assert f"the chat template leaves responses open: each is closed with {toys.END}\n" in said
    report = read_json(study / "data.json")
    assert (report["left_open_by_template"], report["closed_with"]) == (True, toys.END)


@pytest.mark.parametrize(
    ("stage", "arguments", "file"),
    [(rank, ["--rank", "4"], "ranks/rank_4/run_data.json"), (full, [], "full.json")],
)
def test_training_lowers_the_loss_from_the_bases(
    stage: Any, arguments: list[str], file: str, study: Path, call: Call
) -> None:
    change(study / "params.yaml", {"train.epochs": 4})
    call(prepare)
    call(base)
    call(stage, *arguments)
    before, after = read_base(study / "base.json"), read_tuned(study / file)
    (run,) = after.picked()
    assert run.test_loss < before.test_loss - 0.3
    assert sum(run.test_pair_losses) / sum(before.test_response_tokens) == pytest.approx(
        run.test_loss, rel=1e-4
    )
    best = min(run.validation, key=lambda point: point.loss)
    assert (run.best_epoch, run.validation_loss) == (best.epoch, best.loss)


def test_a_learning_rate_of_next_to_nothing_leaves_the_bases_loss(study: Path, call: Call) -> None:
    change(study / "params.yaml", {"lora.learning_rates": [1e-12], "train.epochs": 1})
    call(prepare)
    call(base)
    call(rank, "--rank", "2")
    before = read_base(study / "base.json")
    (run,) = read_tuned(study / "ranks/rank_2/run_data.json").picked()
    assert run.test_loss == pytest.approx(before.test_loss, rel=1e-6)
    assert run.test_token_accuracy == before.test_token_accuracy


def test_peft_loads_the_adapter_and_gives_the_same_losses(study: Path, call: Call) -> None:
    call(prepare)
    call(rank, "--rank", "4")
    folder = study / "data/adapters/r4/s0"
    assert json.loads((folder / "adapter_config.json").read_text())["task_type"] == "CAUSAL_LM"
    base_model = AutoModelForCausalLM.from_pretrained(study / "model", dtype=torch.float32)
    tuned = peft.PeftModel.from_pretrained(base_model, folder).eval()
    (run,) = read_tuned(study / "ranks/rank_4/run_data.json").picked()
    test = prepared.load(study / "data/prepared").test
    for pair in range(5):
        ids = test.input_ids[test.offsets[pair] : test.offsets[pair + 1]].long()[None]
        count = int(test.labels[pair])
        labels = ids.clone()
        labels[:, :-count] = -100
        with torch.no_grad():
            loss = float(tuned(input_ids=ids, labels=labels).loss) * count
        assert run.test_pair_losses[pair] == pytest.approx(loss, abs=2e-3)


def test_seeds_train_together_as_alone_and_a_finished_group_is_not_trained_again(
    study: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = {"lora.learning_rates": [0.02, 0.005], "search.seeds": 2}
    change(study / "params.yaml", {"seeds": [0, 1], **rates})
    call(prepare)
    monkeypatch.setattr(arm, "runs_that_fit", lambda *_: 1)
    call(rank, "--rank", "2")
    alone = read_tuned(study / "ranks/rank_2/run_data.json")
    monkeypatch.setattr(arm, "runs_that_fit", lambda *_: 2)
    written = rank.write_json
    monkeypatch.setattr(rank, "write_json", _killed)
    with pytest.raises(KeyboardInterrupt):
        call(rank, "--rank", "2")  # trained both groups, and wrote nothing
    monkeypatch.setattr(rank, "write_json", written)
    monkeypatch.setattr("study.arms.lora.train", _killed)
    call(rank, "--rank", "2")
    together = read_tuned(study / "ranks/rank_2/run_data.json")
    assert len(together.runs) == 4
    for one, other in zip(alone.runs, together.runs, strict=True):
        assert (one.seed, one.learning_rate) == (other.seed, other.learning_rate)
        assert one.test_pair_losses == pytest.approx(other.test_pair_losses, abs=1e-3)
    assert not list((study / "checkpoints").glob("*/*"))


def _killed(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


def test_several_seeds_and_one_rank_are_answered_in_words(study: Path, call: Call) -> None:
    change(study / "params.yaml", {"seeds": [0, 1], "lora.ranks": [2], "lora.rank": 2})
    call(prepare)
    call(base)
    call(full)
    call(rank, "--rank", "2")
    call(generate)
    call(compare)
    record = read_json(study / "all_results.json")
    told = [entry["verdict"] for entry in record["questions"]]
    assert told[1:] == ["cannot be told"] * 4
    assert "Only rank 2 was trained" in record["questions"][1]["answer"]
    assert "**Rank 2** is the only one that was tried" in (study / "README.md").read_text()
    assert sorted(path.name for path in (study / "data/adapters/r2").iterdir()) == ["s0"]


def test_the_evaluations_mean_is_over_response_tokens(study: Path, call: Call) -> None:
    call(prepare)
    data = prepared.load(study / "data/prepared")
    feed = TokenFeed(data, 8, torch.device("cpu"))
    from study.models.causal import load_causal

    lm = PackedCausalLM(load_causal(str(study / "model"), torch.float32, 0.0, 96), [0]).eval()
    total = sum(float(lm(batch)[0, :, 0].sum().detach()) for _, batch in feed.evaluation("test", 1))
    call(base)
    record = read_base(study / "base.json")
    assert record.test_loss == pytest.approx(total / int(data.test.labels.sum()), rel=1e-5)
    assert record.to_json()["test_perplexity"] == pytest.approx(math.exp(record.test_loss))


def test_a_study_that_is_not_there_is_named(
    study: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in (["--study", "elsewhere"], ["--study"]):
        monkeypatch.setattr(sys, "argv", ["stage", *arguments])
        with pytest.raises(SystemExit) as stop:
            command.run(prepare.main)
        assert stop.value.code == command.BAD_INPUT
        assert "--study" in capsys.readouterr().err
    shutil.rmtree(study)


def test_what_models_write_is_transformers_greedy_text_and_is_scored(
    study: Path, call: Call
) -> None:
    change(study / "params.yaml", {"generation.metric": "exact_match", "lora.ranks": [4]})
    change(study / "params.yaml", {"train.epochs": 6, "full.learning_rates": [0.01]})
    call(prepare)
    call(full)
    call(rank, "--rank", "4")
    call(generate)
    record = read_json(study / "generated.json")
    assert [(row["arm"], row["rank"]) for row in record["arms"]] == [
        *(("before", None), ("lora", 4), ("full", None))
    ]
    test = prepared.load(study / "data/prepared").test
    tokenizer = AutoTokenizer.from_pretrained(study / "model")
    plain = AutoModelForCausalLM.from_pretrained(study / "model", dtype=torch.float32)
    tuned = peft.PeftModel.from_pretrained(plain, study / "data/adapters/r4/s0").eval()
    for pair in (0, 5, 11):
        ids = test.input_ids[test.offsets[pair] : test.offsets[pair + 1]].long()
        prompt, wanted = ids[: -int(test.labels[pair])], ids[-int(test.labels[pair]) :]
        with torch.no_grad():
            found = tuned.generate(
                input_ids=prompt[None],
                attention_mask=torch.ones_like(prompt[None]),
                do_sample=False,
                max_new_tokens=int(test.labels.max()),
                eos_token_id=tokenizer.eos_token_id,
                pad_token_id=tokenizer.pad_token_id,
            )
        text = tokenizer.decode(found[0, len(prompt) :], skip_special_tokens=True).strip()
        assert record["arms"][1]["texts"][pair] == text
        assert record["wanted"][pair] == tokenizer.decode(wanted, skip_special_tokens=True).strip()
    for row in record["arms"]:
        same = [float(a == b) for a, b in zip(row["texts"], record["wanted"], strict=True)]
        assert row["scores"] == same
        assert row["score"] == pytest.approx(sum(same) / len(same))
    assert record["arms"][0]["texts"] != record["arms"][1]["texts"] != record["arms"][2]["texts"]


def test_text_that_full_fine_tuning_did_not_write_is_missed(
    study: Path, call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    call(prepare)
    call(full)
    change(study / "params.yaml", {"generation.metric": "exact_match"})
    with pytest.raises(SystemExit):
        call(generate)
    assert "full.json: holds no text; run `dvc repro instruct/dvc.yaml`" in capsys.readouterr().err


def test_a_metric_whose_package_is_missing_is_refused_before_anything_is_trained(
    study: Path,
    call: Call,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    change(study / "params.yaml", {"generation.metric": "rouge_l"})
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(SystemExit):
        call(check)
    assert "generation.metric: rouge_l, but the package rouge-score" in capsys.readouterr().err
