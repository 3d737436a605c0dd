"""The methods' stages in one process, at toy size: what they write, and what they refuse."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from checks import readme
from stages import full, head_only, linear_probe
from stages.methods import compare, lora_variant, method, plot, speed
from study.entry import command
from study.probes.record import read_probe
from study.records import prepared
from study.records.json_file import read_json, write_json
from study.records.prepared import Prepared, Split
from study.records.runs import read_arm
from tests.pipeline import toys as study_toys
from tests.study import toys

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
ROOT = Path(__file__).resolve().parents[2]
VARIANTS = ["lora", "rslora", "lora_plus", "dora", "pissa", "qlora"]
OTHERS = ["adapter", "bitfit", "ia3", "prefix"]
LEFT_OUT = ("qlora",)  # rows of 32 are no blocks of 64
SETTINGS: dict[str, Any] = {
    "lora_variants": VARIANTS,
    "others": OTHERS,
    "rank": 2,
    "prefix.virtual_tokens": 4,  # with 16 tokens no more than the toy's 32 positions
}
RECORD = "methods/metrics/comparison.json"


def run(stage: Any, *arguments: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [stage.__name__, *arguments])
        command.run(stage.main)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A toy study whose methods have been trained and compared."""
    folder = tmp_path_factory.mktemp("methods")
    study_toys.write_model(folder / "toys/model")
    shutil.copy(ROOT / "params.yaml", folder)
    study_toys.change(folder / "params.yaml", study_toys.SETTINGS)
    (folder / "methods").mkdir()
    shutil.copy(ROOT / "methods/params.yaml", folder / "methods")
    study_toys.change(folder / "methods/params.yaml", SETTINGS)
    data = toys.prepared(train=40, validation=24, test=30)

    def small(split: Split) -> Split:  # ids within the toy vocabulary
        return Split(5 + split.input_ids % 20, split.lengths, split.labels)

    parts = {name: small(getattr(data, name)) for name in prepared.SPLITS}
    words: dict[str, Any] = {"label_names": ("0", "1"), "model_name": "model", "max_length": 16}
    prepared.save(Prepared(**parts, **words, pad_token_id=0), folder / "data/prepared")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run(head_only)
        run(linear_probe)
        run(full)
        for name in VARIANTS:
            run(lora_variant, "--name", name)
        for name in OTHERS:
            run(method, "--name", name)
        run(compare)
        run(plot)
    return folder


@pytest.fixture
def study(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh copy of it to work in."""
    shutil.copytree(finished, tmp_path / "study")
    monkeypatch.chdir(tmp_path / "study")
    return tmp_path / "study"


def row(study: Path, name: str) -> Any:
    return next(r for r in read_json(study / RECORD)["methods"] if r["name"] == name)


def test_each_method_has_its_row_and_its_reason(study: Path) -> None:
    record = read_json(study / RECORD)
    assert [r["name"] for r in record["methods"]] == ["full", "head_only", *VARIANTS, *OTHERS]
    assert [r["name"] for r in record["methods"] if "reason" in r] == list(LEFT_OUT)
    shown = read_json(study / "methods/metrics/summary.json")
    full_, head, *methods = [r["name"] for r in record["methods"] if "reason" not in r]
    assert list(shown) == [full_, head, "linear_probe", *methods]
    assert shown["ia3"]["test_accuracy"] == row(study, "ia3")["test_accuracy"]
    reason = row(study, "qlora")["reason"]
    assert "32 inputs" in reason
    open_ = [c for c in record["claims"] if reason in c["numbers"]["why"]]
    assert {c["verdict"] for c in open_} == {"cannot be told"}
    assert any("tested" in c["numbers"] for c in record["claims"])


def test_what_each_trains_stores_and_scores(study: Path) -> None:
    for name in (*VARIANTS, *OTHERS):
        if name in LEFT_OUT:
            continue
        record, found = read_arm(study / f"methods/metrics/runs/{name}.json"), row(study, name)
        assert record.arm == name
        assert [r.seed for r in record.picked()] == [0, 1]
        accuracies = [r.test_score for r in record.picked()]
        assert found["test_accuracy"] == pytest.approx(sum(accuracies) / 2)
        assert found["low"] <= found["test_accuracy"] <= found["high"]
        whole = row(study, "full")
        gap = found["test_accuracy"] - whole["test_accuracy"]
        assert found["to_full"]["difference"] == pytest.approx(gap)
        assert found["trainable_parameters"] == record.trainable_parameters
        files = [p.stat().st_size for p in (study / f"data/methods/{name}/s0").iterdir()]
        assert found["storage_bytes"] == sum(files) > 4 * found["trainable_parameters"]
        assert [at["rate"] for at in found["rates"]] == sorted(record.learning_rates)
        assert found["of_full"]["low"] <= found["of_full"]["share"] <= found["of_full"]["high"]
        assert found["optimizer_state_bytes"] == 8 * found["trainable_parameters"]
        assert found["flops_per_token"] < whole["flops_per_token"]
        assert found["base_bytes"] == whole["base_bytes"]  # fp32 in the toy study
    assert row(study, "lora")["to_lora"] is None
    assert row(study, "full")["to_full"] is None


def test_the_linear_probe_is_the_main_studys(study: Path) -> None:
    found = read_json(study / RECORD)["linear_probe"]
    whole, head = row(study, "full"), row(study, "head_only")
    probe = read_probe("metrics/linear_probe.json", read_arm("metrics/runs/full.json"))
    assert (found["state"], found["c"]) == (probe.state, probe.c)
    assert found["test_accuracy"] == probe.test_score
    assert found["low"] <= found["test_accuracy"] <= found["high"]
    gap = found["test_accuracy"] - whole["test_accuracy"]
    assert found["to_full"]["difference"] == pytest.approx(gap)
    gap = found["test_accuracy"] - row(study, "lora")["test_accuracy"]
    assert found["to_lora"]["difference"] == pytest.approx(gap)
    assert found["storage_bytes"] == 4 * found["trainable_parameters"] == 4 * 33
    assert found["base_bytes"] == head["base_bytes"]
    assert found["flops_per_token"] < head["flops_per_token"]


def test_a_probe_of_other_sentences_is_refused(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = read_json("metrics/linear_probe.json")
    write_json("metrics/linear_probe.json", record | {"test_labels": record["test_labels"][1:]})
    with pytest.raises(SystemExit):
        run(compare)
    said = capsys.readouterr().err
    assert "metrics/linear_probe.json: other test sentences" in said
    assert "run `dvc repro linear_probe`" in said


def test_the_same_head_and_batches_in_every_method(study: Path) -> None:
    """Those that start as the base does have its first loss, of which no step is part yet."""
    firsts = {
        name: [r.loss_values[0] for r in read_arm(f"methods/metrics/runs/{name}.json").picked()]
        for name in ("lora", "rslora", "lora_plus", "dora", "pissa", "adapter", "bitfit", "ia3")
    }
    for name, found in firsts.items():
        assert found == pytest.approx(firsts["lora"], abs=2e-4), name


def test_what_merges(study: Path) -> None:
    record = read_json(study / RECORD)["methods"]
    merges = {r["name"] for r in record if r.get("mergeable")}
    assert merges == {"lora", "rslora", "lora_plus", "dora", "pissa", "bitfit", "ia3"}
    assert "nonlinearity" in row(study, "adapter")["merge_reason"]


def test_the_same_bytes_twice(study: Path) -> None:
    before = {
        p: p.read_bytes()
        for p in (study / "methods").rglob("*")
        if "machine" not in str(p) and p.is_file()
    }
    run(method, "--name", "adapter")
    run(lora_variant, "--name", "dora")
    run(compare)
    run(plot)
    assert all(path.read_bytes() == content for path, content in before.items())


def test_other_seeds_are_refused(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study_toys.change(study / "params.yaml", {"seeds": [0, 5]})
    with pytest.raises(SystemExit):
        run(compare)
    assert "seeds [0, 1], but the settings' are (0, 5)" in capsys.readouterr().err


def test_a_variant_is_the_only_thing_that_differs(study: Path) -> None:
    """Each variant's settings, and so each one's losses, are its own."""
    losses = {
        name: read_arm(f"methods/metrics/runs/{name}.json").picked()[0].loss_values
        for name in ("lora", "rslora", "lora_plus", "dora", "pissa")
    }
    assert len({values for values in losses.values()}) == len(losses)


def test_page_and_table_with_timings_and_without(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study_toys.change(
        study / "methods/params.yaml", {"lora_variants": ["lora"], "others": ["adapter"]}
    )
    run(compare)
    capsys.readouterr()
    run(compare, "--table")
    assert "Memory and times were not measured here" in capsys.readouterr().out
    words = readme.methods_blocks()
    assert "of full's operations" in words["words"]
    assert ": not measured." in words["orders"]
    run(speed)
    measured = read_json("methods/metrics/machine/comparison.json")
    names = ["full", "head_only", "lora", "adapter"]
    assert [r["arm"] for r in measured["training"]] == names
    assert [r["arm"] for r in measured["memory"]] == names
    assert [r["arm"] for r in measured["latency"]] == ["base", "lora", "adapter"]
    assert all(r["peak_memory_bytes"] > r["idle_memory_bytes"] for r in measured["memory"])
    page = (ROOT / "methods/README.md").read_text(encoding="utf-8")
    for name, content in readme.methods_blocks().items():
        page = readme.with_block(page, name, content)
    assert "-" not in [cell.strip() for cell in page.split("| Adapters | ")[-1].split("|")][1:4]
    run(compare, "--table")
    assert "not measured" not in capsys.readouterr().out


def test_a_name_that_is_none(study: Path) -> None:
    for stage in (method, lora_variant):
        with pytest.raises(SystemExit):
            run(stage, "--name", "no_method")
