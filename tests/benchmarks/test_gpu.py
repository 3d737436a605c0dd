"""Runs in one pass: what is trained, what a step costs, where it stops, and the command itself."""

from __future__ import annotations

import json
import shutil
import sys
import warnings
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BertForMaskedLM

from benchmarks import gpu
from benchmarks.child import Child
from benchmarks.job import Job
from benchmarks.together import cost, report, timer, traffic, training
from benchmarks.together.timer import Chunks, Cost, StepTimer
from benchmarks.together.traffic import Traffic
from study.entry.errors import StudyError
from study.pages.figures import style
from study.settings import whole as study_settings
from tests.benchmarks.command import ROOT, call
from tests.benchmarks.made import variants
from tests.pipeline import toys as pipeline_toys
from tests.study import toys
from tests.study.pages.figures.test_figures import check_texts, drawn_texts

CPU = torch.device("cpu")
GPU = torch.device("cuda")


def settings(**lora: Any) -> study_settings.Settings:
    chosen = study_settings.load(ROOT / "params.yaml")
    values = {"ranks": (1, 4), "rank": 2, "learning_rates": (0.1, 0.2)} | lora
    return replace(chosen, seeds=(3, 0), lora=replace(chosen.lora, **values))


# --- What trains together ------------------------------------------------------------------------


def test_runs_are_ranks_of_rates_of_seeds_the_largest_rank_first() -> None:
    runs = training.first_runs(settings(), 14)
    assert [run.rank for run in runs[:7]] == [4, 2, 1, 4, 2, 1, 4]
    assert [run.learning_rate for run in runs[:7]] == [0.1] * 3 + [0.2] * 3 + [0.1]
    assert [run.seed for run in runs] == [3] * 6 + [0] * 6 + [1] * 2  # more than the settings have
    assert training.first_runs(settings(), 5) == runs[:5]


def test_it_stops_where_memory_does(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def train(model: Any, configs: Any, runs: Sequence[Any], *rest: Any) -> None:
        tried.append(len(runs))
        if len(runs) > most:
            raise torch.OutOfMemoryError

    monkeypatch.setattr(training.lora_arm, "train_lora", train)
    monkeypatch.setattr(training, "load_for", lambda *_: None)
    most = 2
    arguments = (settings(), toys.prepared(), (1, 2, 4, 8), Chunks(3, 1, 1), CPU)
    assert list(training.ladder(*arguments)) == [1, 2]
    assert tried == [1, 2, 4]
    most = 0
    with pytest.raises(StudyError, match="not even one run"):
        training.ladder(*arguments)


# --- What a step costs ---------------------------------------------------------------------------


class Time:
    """Stands in for the module `time`."""

    now = 100.0

    def perf_counter(self) -> float:
        return self.now


def test_chunks_are_timed_and_the_device_is_waited_for_at_their_ends_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, waits, modes = Time(), [], []

    def debug(mode: str) -> None:
        modes.append((mode, follower._count))

    monkeypatch.setattr(timer, "time", clock)
    monkeypatch.setattr(timer, "synchronize", lambda _: waits.append(follower._count))
    monkeypatch.setattr(torch.cuda, "set_sync_debug_mode", debug)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda _: 7)
    follower = StepTimer(Chunks(warmup=4, count=2, steps=3), GPU)
    for seconds in (50, 50, 50, 50, 1, 2, 3, 4, 5, 6):
        clock.now += seconds
        if modes and modes[-1][0] == "warn":
            warnings.warn_explicit("synchronizes", UserWarning, "a/b/loop.py", 12)
        follower.step([])
    clock.now += 8
    follower.epoch(1, [], [], "accuracy")
    clock.now += 9
    follower.finish()
    found = follower.cost(peak_memory=11)
    assert found.rounds == (2.0, 5.0)
    assert (found.seconds, found.validation, found.test) == (3.5, 8.0, 9.0)
    assert waits == [4, 7, 10, 10, 10]
    assert modes == [("warn", 2), ("default", 3)]
    assert found.host_waits == ("b/loop.py:12",)
    assert (found.step_memory_bytes, found.peak_memory_bytes) == (7, 11)


def test_traffic_counts_what_is_read_and_written_once_each() -> None:
    a, b, c = torch.ones(4, 8), torch.ones(8, 2), torch.ones(4, 2)
    table, places = torch.ones(1000, 8), torch.tensor([1, 2, 3])
    half = torch.ones(4, 2, dtype=torch.bfloat16)

    def moved(act: Any) -> int:
        with Traffic(CPU) as counter:
            act()
        return counter.bytes

    assert moved(lambda: a @ b) == 4 * (32 + 16 + 8)
    assert moved(lambda: torch.mm(a, b, out=c)) == 4 * (32 + 16 + 8)
    assert moved(lambda: a.view(8, 4).t()[0]) == 0
    assert moved(lambda: torch.empty(100)) == 0
    assert moved(lambda: c.add_(1)) == 4 * (8 + 8)
    assert moved(lambda: c.zero_()) == 4 * 8
    assert moved(lambda: half.copy_(c)) == 4 * 8 + 2 * 8
    assert moved(lambda: table.index_select(0, places)) == 4 * (24 + 24) + 8 * 3
    row = torch.ones(1, 8).expand(50, 8)
    assert moved(lambda: row.sum()) == 4 * (8 + 1)
    assert moved(lambda: torch.empty(9, device="meta").add_(1)) == 0  # another device


def test_an_optimiser_step_counts_every_tensor_of_its_lists() -> None:
    parameters = [torch.nn.Parameter(torch.ones(6)), torch.nn.Parameter(torch.ones(4))]
    adamw = torch.optim.AdamW(parameters, fused=True)
    for parameter in parameters:
        parameter.grad = torch.ones_like(parameter)
    adamw.step()
    with Traffic(CPU) as counter:
        adamw.step()
    # Parameter, gradient and both moments are read and, the gradient too, listed as written.
    assert 7 * 4 * 10 <= counter.bytes <= 8 * 4 * 10 + 100


def test_a_copy_has_a_bandwidth() -> None:
    assert traffic.copy_bandwidth(CPU, 1 << 20) > 0


# --- What it says --------------------------------------------------------------------------------


def made_cost(*rounds: float, **changes: Any) -> Cost:
    values: dict[str, Any] = {
        "validation": 2.0,
        "test": 3.0,
        "traffic": 10**9,
        "host_waits": None,
        "step_memory_bytes": None,
        "peak_memory_bytes": None,
    }
    return Cost(rounds, **(values | changes))


def test_a_group_between_two_that_were_measured_lies_on_the_line() -> None:
    costs = {1: made_cost(1.0), 2: made_cost(2.0, 4.0, validation=4.0, test=5.0)}
    sizes = cost.study_cost.Sizes(10, 100, 300)

    def seconds(count: int, round_: int = 0) -> float:
        return cost.group_seconds(2, costs, sizes, count, round_)

    assert seconds(1) == 2 * (10 + 2) + 3
    assert seconds(2) == 2 * (20 + 4) + 5
    assert seconds(2, 1) == 2 * (40 + 4) + 5
    costs[4] = made_cost(6.0, validation=4.0, test=5.0)
    assert seconds(3) == (seconds(2) + seconds(4)) / 2


def test_the_study_trains_its_lora_runs_in_the_largest_groups() -> None:
    chosen = settings()  # 3 ranks, 2 rates, 2 seeds: 12 runs of LoRA
    head = replace(chosen.head_only, epochs=30)
    full = replace(chosen.full, learning_rates=(1e-4,))
    chosen = replace(chosen, train=replace(chosen.train, epochs=2), head_only=head, full=full)
    beside = {"variants": {name: asdict(took) for name, took in variants().items()}}
    costs = {1: made_cost(1.0), 5: made_cost(1.0)}
    data = toys.prepared(train=320)
    row = cost.study(chosen, data, costs, beside)
    assert row["lora_groups"] == [5, 5, 2]
    lora = 3 * (2 * (10 * 1.0 + 2) + 3) + 5  # a second a step, whatever the group; 5 to start
    of_full = 2 * (2 * (10 * 2.0 + 2) + 3) + 5
    assert row["seconds"]["ours"] == pytest.approx(40 + of_full + lora)
    assert row["ratio_to_default"] > row["ratio_to_tuned"] > 1


def found(counts: Sequence[int], device: str, gpu: bool) -> dict[str, Any]:
    """A result file's content."""
    waits = (
        ("study/batches/layout.py:201", "study/batches/layout.py:201", "study/batches/feeds.py:9")
        if gpu
        else None
    )
    rows = [
        {
            "runs": count,
            **asdict(made_cost(0.01 * count**0.3, 0.02 * count**0.3, host_waits=waits)),
            "seconds": 0.01 * count**0.3,
            "peak_memory_bytes": count * 2**29 if gpu else None,
            "ratio_to_one": count**0.3,
            "real_tokens_per_second": 1e5 * count**0.7,
            "bf16_peak_share": 0.004 * count**0.7,
            "copy_share": 0.01 * count**0.6,
        }
        for count in counts
    ]
    ratios = {"ratio_to_default": 90.0, "ratio_to_tuned": 33.0}
    return {
        "machine": {"device": device, "versions": {"torch": "2.13.0"}},
        "peak": {"bf16_gflops": 7e5, "copy_gigabytes_per_second": 4300.0},
        "together": rows,
        "does_not_fit": 2 * counts[-1],
        "study": ratios
        | {"seconds": {"ours": 100, "default": 9000, "tuned": 3300}, "lora_groups": [16, 2]},
        "side_by_side": {"rows": {"study": {k: v / 2 for k, v in ratios.items()}}},
    }


DEVICES = [
    ([1, 2, 4, 8, 16, 32, 64, 128], "NVIDIA H200", True),
    ([1, 2, 4], "Intel(R) Xeon(R) Processor", False),
    ([1], "NVIDIA GeForce RTX 4090 Laptop GPU", True),
]


@pytest.mark.parametrize(("counts", "device", "gpu"), DEVICES)
def test_no_text_of_the_figure_is_cut_off_or_covered(
    counts: list[int], device: str, gpu: bool
) -> None:
    with style.styled():
        figure = report.draw(found(counts, device, gpu))
        check_texts(figure)
        words = [text for text, *_ in drawn_texts(figure)]
    assert device in words
    assert any("goal: 32" in text for text in words) == (32 in counts)


def test_the_table_says_where_it_stopped_where_the_host_waits_and_how_far_the_goal_is() -> None:
    said = report.table(found(*DEVICES[0]))
    assert "stopped: 256 runs together do not fit in this device's memory" in said
    assert "32 runs in 2.83 times the time of one (goal: 2)" in said
    assert "the host waits at study/batches/layout.py:201, 2 a step" in said
    assert "LoRA's as 16+2 together: 100 s" in said
    assert "90.0×" in said
    assert "45.0× and 16.5×" in said
    rows = [line.split() for line in said.splitlines() if line.lstrip()[:3].strip().isdigit()]
    assert [row[0] for row in rows][:8] == ["1", "2", "4", "8", "16", "32", "64", "128"]
    assert rows[0][-2:] == ["0.50", "3"]
    plain = report.table(found(*DEVICES[1]) | {"study": None, "does_not_fit": None})
    assert "goal" not in plain
    assert "stopped" not in plain


# --- What it takes -------------------------------------------------------------------------------


def test_chunks_are_shortened_to_the_data_there_are() -> None:
    wanted = Chunks(warmup=10, count=3, steps=20)
    assert gpu.fitting(70, wanted) == wanted
    assert gpu.fitting(2000, wanted) == wanted
    assert gpu.fitting(30, wanted) == Chunks(10, 3, 6)
    assert gpu.fitting(13, wanted).total == 13
    with pytest.raises(StudyError, match=r"--data: 12 whole minibatches.* 13 are needed"):
        gpu.fitting(12, wanted)


@pytest.fixture
def carried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with params.yaml, a bf16 model in `model` and prepared data in `data`."""
    from study.data import preparing
    from study.records import prepared

    monkeypatch.chdir(tmp_path)
    pipeline_toys.write_model(tmp_path / "toys/model")
    pipeline_toys.write_csv(tmp_path / "toys/sentences.csv", pipeline_toys.sentences())
    shutil.copy(ROOT / "params.yaml", tmp_path)
    pipeline_toys.change(tmp_path / "params.yaml", pipeline_toys.SETTINGS)
    chosen = study_settings.load()
    prepared.save(preparing.prepare(chosen.data, chosen.model.name)[0], tmp_path / "data")
    model = BertForMaskedLM.from_pretrained(tmp_path / "toys/model")
    shutil.move(tmp_path / "toys/model", tmp_path / "model")
    model.to(torch.bfloat16).save_pretrained(tmp_path / "model")
    pipeline_toys.change(tmp_path / "params.yaml", {"model.name": "not/here"})
    return tmp_path


def test_the_command_trains_carried_data_where_nothing_heavy_is_installed(carried: Path) -> None:
    absent = "datasets,dvc,papermill,pandas,ray,ruamel"
    given = ("--data", "data", "--model", "model", "--out", "out", "--quick", "--no-study")
    done = call(carried, "tests.absent", absent, "benchmarks.gpu", *given)
    assert done.returncode == 0, done.stdout
    (path,) = (carried / "out").glob("quick-*-runs.json")
    assert path.with_suffix(".png").stat().st_size > 0
    assert path.with_suffix(".svg").stat().st_size > 0
    content = json.loads(path.read_text())
    assert content["settings"]["model"] == "model"
    assert content["settings"]["sentences"]["train"] == 96
    assert str(carried) not in path.read_text()
    most = (
        (1, 2, 4) if content["machine"]["device_type"] == "cpu" else (1, 2, 4, 8, 16, 32, 64, 128)
    )
    assert [row["runs"] for row in content["together"]] == list(most)
    for row in content["together"]:
        assert len(row["rounds"]) == 2
        assert row["traffic"] > 0
        for key in ("seconds", "ratio_to_one", "real_tokens_per_second", "bf16_peak_share"):
            assert row[key] > 0
        assert row["copy_share"] > 0
    assert content["together"][-1]["traffic"] > content["together"][0]["traffic"]
    assert min(content["peak"].values()) > 0


def test_children_of_the_side_by_side_find_what_was_carried(
    carried: Path, warm_commands: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(warm_commands / "python"))
    with gpu.workplace(Path("data"), "model"):
        child = Child(Job("peak", sentences=1))
        try:
            child.hear()
            assert child.finish()["machine"]["precision"] == "fp32"
        finally:
            child.stop()
        assert study_settings.load().model.name == str(carried / "model")
    assert Path.cwd() == carried


def test_what_is_not_there_or_does_not_fit_is_refused(carried: Path) -> None:
    with (
        pytest.raises(StudyError, match=r"--data: nowhere: not there"),
        gpu.workplace(Path("nowhere"), "model"),
    ):
        pass
    with (
        pytest.raises(StudyError, match=r"--model: './nowhere'"),
        gpu.workplace(Path("data"), "./nowhere"),
    ):
        pass
    with gpu.workplace(Path("data"), "model"):
        chosen = study_settings.load()
        with pytest.raises(StudyError, match=r"--runs: 0; allowed"):
            gpu.whole(chosen, [0], None, quick=True, study=False)
        with pytest.raises(StudyError, match=r"token id \d+, made for toy.* 'model' has ids 0 to"):
            gpu.check_ids(chosen, toys.prepared())
