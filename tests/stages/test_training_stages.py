"""The training stages in one process, at toy size: what they write, and what they refuse."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from ray.cluster_utils import Cluster
from transformers import AutoModelForSequenceClassification

from stages import full, head_only, headline, lora, shuffled_labels
from study.arms import rank
from study.arms.full import ids_in_use
from study.entry import command as cli
from study.records import prepared
from study.records.json_file import read_json, write_json
from study.records.logits import read_logits
from study.records.prepared import Prepared, Split
from study.records.runs import read_arm
from tests.pipeline import toys as study_toys
from tests.study import toys
from tests.study.fake_records import fake_arm

ROOT = Path(__file__).resolve().parents[2]
Stage = Callable[[], None]
TUNED = ("config.json", "model.safetensors")
OUTPUTS = (
    *("metrics/runs", "metrics/headline.json", "metrics/logits"),
    *("data/adapters", "data/headline", "data/full"),
)


@pytest.fixture(scope="module")
def _study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with settings, a model and prepared data, as the stages find them."""
    folder = tmp_path_factory.mktemp("study")
    study_toys.write_model(folder / "toys/model")
    shutil.copy(ROOT / "params.yaml", folder)
    rates = {"full.learning_rates": [0.003, 0.001], "lora.learning_rates": [0.05, 0.01]}
    study_toys.change(folder / "params.yaml", study_toys.SETTINGS | rates)
    data = toys.prepared(train=40, validation=24, test=30)

    def small(split: Split) -> Split:  # ids within the toy vocabulary
        return Split(5 + split.input_ids % 20, split.lengths, split.labels)

    parts = {name: small(getattr(data, name)) for name in prepared.SPLITS}
    words = {"label_names": ("0", "1"), "model_name": "model", "max_length": 16}
    prepared.save(Prepared(**parts, **words, pad_token_id=0), folder / "data/prepared")
    return folder


@pytest.fixture
def study(_study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A fresh copy of it to work in."""
    shutil.copytree(_study, tmp_path / "study")
    monkeypatch.chdir(tmp_path / "study")
    yield tmp_path / "study"
    assert not list((tmp_path / "study").rglob("*.partial"))


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Run a stage as its command line does."""

    def run(stage: Any, *arguments: str) -> None:
        monkeypatch.setattr(sys, "argv", [stage.__name__, *arguments])
        cli.run(stage.main)

    return run


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file that other stages read, by its path."""
    found = [p for out in OUTPUTS for p in ((folder / out), *(folder / out).rglob("*"))]
    return {str(p.relative_to(folder)): p.read_bytes() for p in found if p.is_file()}


def run_all(call: Callable[..., None]) -> None:
    call(head_only)
    call(full)
    call(lora, "--rank", "2")
    call(headline)


def test_the_same_bytes_twice_whatever_the_global_generator(
    study: Path, call: Callable[..., None]
) -> None:
    study_toys.change(study / "params.yaml", {"lora.ranks": [2], "lora.rank": 2})
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        run_all(call)
        found.append(contents(study))
        for out in OUTPUTS[:1] + OUTPUTS[2:]:
            shutil.rmtree(study / out)
    assert found[0] == found[1]
    assert sorted(found[0]) == sorted(
        [
            *(f"metrics/runs/{arm}.json" for arm in ("head_only", "full", "lora-r2")),
            *(f"metrics/logits/{arm}.safetensors" for arm in ("head_only", "full", "lora-r2")),
            *(f"data/full/s{s}/{file}" for s in (0, 1) for file in TUNED),
            "metrics/headline.json",
            *(
                f"data/{where}/s{seed}/{file}"
                for where in ("adapters/r2", "headline")
                for seed in (0, 1)
                for file in ("adapter_config.json", "adapter_model.safetensors")
            ),
        ]
    )
    assert not (study / "checkpoints").exists() or not list((study / "checkpoints").iterdir())


def test_records_hold_every_run_and_say_nothing_of_the_machine(
    study: Path, call: Callable[..., None]
) -> None:
    study_toys.change(study / "params.yaml", {"lora.ranks": [2], "lora.rank": 2})
    run_all(call)
    hidden, labels = 32, 2
    head = hidden * labels + labels
    for name, rates, trained in (
        ("head_only", (0.1, 0.01), head),
        ("full", (0.003, 0.001), None),
        ("lora-r2", (0.05, 0.01), head + 2 * 2 * 2 * (hidden + hidden)),
    ):
        record = read_arm(study / f"metrics/runs/{name}.json")
        assert [(r.learning_rate, r.seed) for r in record.runs] == [
            (rate, seed) for rate in rates for seed in (0, 1)
        ]
        assert record.learning_rates == rates
        assert record.learning_rate in rates
        assert record.head_parameters == head
        assert record.trainable_parameters == (trained or record.total_parameters)
        truth = torch.tensor(record.test_labels)
        for run in record.runs:
            right = (torch.tensor(run.test_predictions) == truth).double().mean()
            assert run.test_score == float(right)
            best = max(point.score for point in run.validation)
            assert run.validation_score == best
            assert run.validation[run.best_epoch - 1].score == best
        machine = read_json(study / f"metrics/machine/{name}.json")
        assert machine["seconds"] > 0
        assert machine["peak_memory_bytes"] > 2**20
        assert machine["precision"] == "fp32"
        assert machine["threads"] == torch.get_num_threads()


def test_logits_are_those_of_the_picked_runs_on_both_splits(
    study: Path, call: Callable[..., None]
) -> None:
    study_toys.change(study / "params.yaml", {"lora.ranks": [2], "lora.rank": 2})
    run_all(call)
    data = prepared.load(study / "data/prepared")
    for name in ("head_only", "full", "lora-r2"):
        picked = read_arm(study / f"metrics/runs/{name}.json").picked()
        logits = read_logits(study / f"metrics/logits/{name}.safetensors")
        assert logits.validation_labels.tolist() == data.validation.labels.tolist()
        assert logits.test_labels.tolist() == data.test.labels.tolist()
        assert list(logits.test) == list(logits.validation) == [run.seed for run in picked]
        for run in picked:
            assert logits.test[run.seed].argmax(-1).tolist() == list(run.test_predictions)
            right = logits.validation[run.seed].argmax(-1) == logits.validation_labels
            assert right.mean() == run.validation_score


def test_tuned_models_load_anywhere_and_predict_what_the_record_states(
    study: Path, call: Callable[..., None]
) -> None:
    call(full)
    record = read_arm(study / "metrics/runs/full.json")
    logits = read_logits(study / "metrics/logits/full.safetensors")
    data = prepared.load(study / "data/prepared")
    inputs, _ = toys.padded(data.test, torch.arange(len(data.test)), data.pad_token_id)
    with torch.random.fork_rng():
        torch.manual_seed(0)  # the toy model has no pooler: it is drawn, as when training
        base = AutoModelForSequenceClassification.from_pretrained("toys/model", num_labels=2)
    table = base.get_input_embeddings().weight
    unused = torch.ones(len(table), dtype=torch.bool)
    unused[ids_in_use(data).long()] = False
    assert unused.any()
    for run in record.picked():
        model, report = AutoModelForSequenceClassification.from_pretrained(
            f"data/full/s{run.seed}", output_loading_info=True
        )
        assert not any(report.values()), report
        assert model.config.id2label == {0: "0", 1: "1"}
        with torch.no_grad():
            found = model.eval()(**inputs).logits
        torch.testing.assert_close(
            found, torch.from_numpy(logits.test[run.seed]), atol=1e-5, rtol=1e-5
        )
        tuned = model.get_input_embeddings().weight
        assert torch.equal(tuned[unused], table[unused])
        assert not torch.equal(tuned[~unused], table[~unused])


def test_adapters_load_into_peft_and_predict_what_the_record_states(
    study: Path, call: Callable[..., None]
) -> None:
    call(lora, "--rank", "2")
    record = read_arm(study / "metrics/runs/lora-r2.json")
    data = prepared.load(study / "data/prepared")
    inputs, _ = toys.padded(data.test, torch.arange(len(data.test)), data.pad_token_id)
    for run in record.picked():
        with torch.random.fork_rng():
            torch.manual_seed(0)  # the toy model has no pooler: it is drawn, as when training
            base = AutoModelForSequenceClassification.from_pretrained("toys/model", num_labels=2)
        model = peft.PeftModel.from_pretrained(base, f"data/adapters/r2/s{run.seed}").eval()
        with torch.no_grad():
            predictions = model(**inputs).logits.argmax(-1)
        assert predictions.tolist() == list(run.test_predictions)


def test_the_headline_is_the_sweeps_run_or_the_same_trained(
    study: Path, call: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    params = study / "params.yaml"
    study_toys.change(params, {"lora.ranks": [1], "lora.rank": 2})
    call(headline)  # outside the sweep: trained here
    trained = contents(study)
    study_toys.change(params, {"lora.ranks": [1, 2]})
    call(lora, "--rank", "2")
    shutil.rmtree(study / "data/headline")
    (study / "metrics/headline.json").unlink()

    def never(*_: object) -> None:
        raise AssertionError("the sweep holds this rank")

    monkeypatch.setattr(rank, "train_rank", never)
    call(headline)
    taken = contents(study)
    assert {name: taken[name] for name in trained} == trained
    assert taken["metrics/headline.json"] == taken["metrics/runs/lora-r2.json"]


def test_a_headline_of_a_sweep_that_has_not_run(study: Path, call: Any, capsys: Any) -> None:
    for missing in ("metrics/runs/lora-r1.json", "data/adapters/r1"):
        assert missing in refused(call, capsys, headline)
        call(lora, "--rank", "1")
        shutil.rmtree(study / "data/adapters/r1")


def test_the_control_is_kept_at_each_seeds_epoch_on_the_task(
    study: Path, call: Callable[..., None], capsys: Any
) -> None:
    task = fake_arm("full", seeds=[0, 1], num_sentences=30, learning_rates=(0.003,))
    for epochs in ({0: 1, 1: 2}, {0: 2, 1: 2}):
        runs = tuple(replace(run, best_epoch=epochs[run.seed]) for run in task.runs)
        write_json(study / "metrics/runs/full.json", replace(task, runs=runs).to_json())
        call(shuffled_labels)
        record = read_json(study / "metrics/shuffled_labels.json")
        assert record["epochs"] == {str(seed): epoch for seed, epoch in epochs.items()}
        for seed, epoch in epochs.items():
            (study / f"data/shuffled_labels/s{seed}").rename(study / f"s{seed}-{epoch}-{epochs[0]}")
    models = {p.name: (p / "model.safetensors").read_bytes() for p in study.glob("s*-*")}
    assert models["s1-2-1"] == models["s1-2-2"]
    assert models["s0-1-1"] != models["s0-2-2"]
    study_toys.change(study / "params.yaml", {"train.epochs": 1})
    assert "run `dvc repro full`" in refused(call, capsys, shuffled_labels)


def test_one_runs_result_does_not_depend_on_which_others_are_tried(
    study: Path, call: Callable[..., None]
) -> None:
    call(lora, "--rank", "1")
    both = read_arm(study / "metrics/runs/lora-r1.json")
    study_toys.change(study / "params.yaml", {"lora.learning_rates": [0.01]})
    call(lora, "--rank", "1")
    one = read_arm(study / "metrics/runs/lora-r1.json")
    assert one.runs == tuple(run for run in both.runs if run.learning_rate == 0.01)


def refused(call: Callable[..., None], capsys: Any, stage: Any, *arguments: str) -> str:
    """Run a stage that must refuse its input; return its one message."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as caught:
        call(stage, *arguments)
    assert caught.value.code == cli.BAD_INPUT
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(said) == 1
    return str(said[0])


@pytest.mark.parametrize(
    ("stage", "arguments", "key", "name"),
    [
        (head_only, (), "head_only.learning_rates", "head_only"),
        (full, (), "full.learning_rates", "full"),
        (lora, ("--rank", "2"), "lora.learning_rates", "lora-r2"),
    ],
)
def test_a_diverging_run_is_named_and_the_record_before_it_stays(
    study: Path, call: Any, capsys: Any, stage: Any, arguments: tuple[str, ...], key: str, name: str
) -> None:
    call(stage, *arguments)
    before = contents(study)
    study_toys.change(study / "params.yaml", {key: [0.01, 1e38]})
    message = refused(call, capsys, stage, *arguments)
    arm = name.partition("-")[0]
    for seed in (0, 1):
        assert f"seed {seed}, learning rate 1e+38, step " in message
    assert message.startswith(f"error: the loss is not finite: {arm}")
    assert ("rank 2" in message) == (stage is lora)
    assert "learning rate 0.01" not in message
    assert contents(study) == before
    study_toys.change(study / "params.yaml", {key: [0.01]})
    call(stage, *arguments)
    if stage is not head_only:  # whose runs all train together, in seconds
        assert "kept from an earlier try" in capsys.readouterr().out
    after = contents(study)
    shutil.rmtree(study / "metrics")
    call(stage, *arguments)
    assert contents(study) == after


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model.name": "./nowhere"}, ("model.name", "nowhere", "no hub is reached")),
        ({"train.device": "cuda"}, ("train.device", "cuda", "auto, cpu")),
        ({"lora.target_modules": ["quary"]}, ("quary", "query")),
        ({"lora.target_modules": ["regex:("]}, ("regex:(",)),
        ({"lora.layers": [7]}, ("layers 7", "0 to 1")),
        ({"lora.rank": 33, "lora.ranks": [33]}, ("rank 33", "1 to 32")),
    ],
)
def test_what_cannot_be_trained_is_refused_before_training(
    study: Path,
    call: Any,
    capsys: Any,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
    words: tuple[str, ...],
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    study_toys.change(study / "params.yaml", changes)
    message = refused(call, capsys, lora, "--rank", str(changes.get("lora.rank", 1)))
    for word in words:
        assert word in message
    assert contents(study) == {}


def test_a_rank_that_is_no_rank(study: Path, call: Any, capsys: Any) -> None:
    assert "rank 0" in refused(call, capsys, lora, "--rank", "0")


@pytest.mark.parametrize("stage", [head_only, full])
def test_sentences_longer_than_the_models_positions(
    study: Path, call: Any, capsys: Any, stage: Any
) -> None:
    folder = study / "data/prepared"
    words = prepared.load(folder)
    long = Prepared(**{**vars(words), "max_length": 33})
    prepared.save(long, folder)
    message = refused(call, capsys, stage)
    assert "max_length: 33" in message
    assert "32 positions" in message


@pytest.mark.parametrize("stage", [head_only, full, headline])
def test_prepared_data_that_is_not_there(study: Path, call: Any, capsys: Any, stage: Any) -> None:
    study_toys.change(study / "params.yaml", {"lora.ranks": [2]})
    shutil.rmtree(study / "data/prepared")
    assert "data/prepared" in refused(call, capsys, stage)


def test_progress_is_quiet_lines_where_there_is_no_terminal(
    study: Path, call: Callable[..., None], capsys: Any
) -> None:
    study_toys.change(study / "params.yaml", {"lora.learning_rates": [0.01]})
    call(lora, "--rank", "1")
    said = capsys.readouterr()
    lines = [line for line in said.out.splitlines() if "epoch" in line]
    assert len(lines) == 2
    assert all("lora r=1, run 1-2 of 2: epoch" in line for line in lines)
    assert all("loss" in line and "validation accuracy" in line for line in lines)
    assert "\r" not in said.out


# --- On Ray: tests/study/training/test_executors.py has what a cluster does with groups, and
# tests/pipeline/test_settings_read.py one that is started for the stage ---------------------------


@pytest.fixture
def running_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A cluster of this machine that knows neither the project nor the study's folder."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with monkeypatch.context() as patch:
        patch.chdir(elsewhere)
        patch.delenv("PYTHONPATH", raising=False)
        memory = 100 * 2**20
        node = {"num_cpus": 2, "object_store_memory": memory, "include_dashboard": False}
        cluster = Cluster(True, head_node_args=node)
    yield cluster.address
    cluster.shutdown()


def test_a_cluster_that_is_joined_gives_the_same_bytes(
    study: Path, call: Callable[..., None], running_cluster: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As DVC starts a stage, in a folder with the code: joined workers get it from there.

    One group, of one rate; what a cluster does with several is tested with the executors.
    """
    study_toys.change(study / "params.yaml", {"lora.learning_rates": [0.05]})
    call(lora, "--rank", "2")
    expected = contents(study)
    for package in ("lora", "stages", "study"):
        shutil.copytree(ROOT / package, study / package)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    shutil.rmtree(study / "metrics")
    shutil.rmtree(study / "data/adapters")
    changes = {"train.executor": "ray", "ray.address": running_cluster, "ray.cpus": 1}
    study_toys.change(study / "params.yaml", changes)
    command = [sys.executable, "-m", "stages.lora", "--rank", "2"]
    done = subprocess.run(command, cwd=study, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert contents(study) == expected
    group = "lora, rank 2, seed 0, learning rate 0.05 and 1 more"
    assert f"{group}: trained, on validation 0." in done.stdout
    assert read_json(study / "metrics/machine/lora-r2.json")["executor"] == "ray"


def test_what_ray_cannot_give_is_refused_before_training(
    study: Path, call: Any, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = study / "params.yaml"
    study_toys.change(params, {"train.executor": "ray", "lora.rank": 4})
    with socket.socket() as unserved:  # bound, but it does not listen
        unserved.bind(("127.0.0.1", 0))
        here = f"127.0.0.1:{unserved.getsockname()[1]}"
        for address in (here, f"ray://{here}", "somewhere"):
            study_toys.change(params, {"ray.address": address})
            message = refused(call, capsys, lora, "--rank", "2")
            assert f"ray.address: {address}: no Ray cluster there" in message
    study_toys.change(params, {"ray.address": "local", "ray.gpus": 1000})
    message = refused(call, capsys, lora, "--rank", "2")
    assert "ray.gpus: 1000 for each task, but this machine has" in message
    monkeypatch.delitem(sys.modules, "study.training.ray_executor", raising=False)
    monkeypatch.setitem(sys.modules, "ray", None)  # as if it were not installed
    for stage in (head_only, full, headline):
        assert "pip install '.[ray]'" in refused(call, capsys, stage)
    assert contents(study) == {}
