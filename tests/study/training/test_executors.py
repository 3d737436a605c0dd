"""Executors: a Ray cluster of two workers gives what this process gives, also if one dies."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import ray
import torch
from ray.cluster_utils import Cluster

from study.arms import arm as arms
from study.arms.early_exit import Rung
from study.entry.errors import StudyError
from study.training import executors, ray_executor
from study.training.checkpoints import Checkpoints
from study.training.executors import Executor, LocalExecutor
from study.training.loop import Run, RunResult
from study.training.progress import Progress
from study.training.ray_executor import RayExecutor
from tests.study.executor_arms import ROOT, Surroundings, noting_arm, toy_settings

LOGITS = ("validation_logits", "test_logits")
GROUPS = [[Run("lora", 2, 0.01, seed) for seed in pair] for pair in ((0, 1), (2, 3), (4, 5))]


@pytest.fixture(scope="module")
def _two_workers() -> Iterator[None]:
    """Join a real cluster for all tests: two nodes with room for one task each."""
    memory = {"object_store_memory": 100 * 2**20}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))  # where its workers find the tests' arms
        alone = {"include_dashboard": False}
        cluster = Cluster(True, head_node_args={"num_cpus": 1, **memory, **alone})
        cluster.add_node(num_cpus=1, **memory)
        ray.init(cluster.address, logging_level="error")
        yield
        ray.shutdown()
        cluster.shutdown()


@pytest.fixture
def cluster(_two_workers: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RayExecutor:
    """The executor of that cluster; a task fills a node."""
    monkeypatch.chdir(tmp_path)
    return RayExecutor(None, cpus=1, gpus=0, retries=1)


def trained(
    executor: Executor, arm: Any, groups: Sequence[Sequence[Run]] = GROUPS
) -> dict[int, list[RunResult]]:
    return dict(executor.train(arm, groups, Progress("toy", 6)))


def assert_equal(one: dict[int, list[RunResult]], other: dict[int, list[RunResult]]) -> None:
    """Bit for bit, whichever group ended first."""
    assert one.keys() == other.keys()
    pairs = [pair for i in one for pair in zip(one[i], other[i], strict=True)]
    for a, b in pairs:
        blank = {"state": {}, **{name: torch.empty(0) for name in LOGITS}}
        assert repr(replace(a, **blank)) == repr(replace(b, **blank))
        assert all(torch.equal(getattr(a, name), getattr(b, name)) for name in LOGITS)
        assert a.state.keys() == b.state.keys()
        for name, x in a.state.items():
            assert x.dtype == b.state[name].dtype
            assert x.numpy().tobytes() == b.state[name].numpy().tobytes(), name


def test_a_cluster_of_two_workers_gives_the_same_bits(cluster: RayExecutor, tmp_path: Path) -> None:
    local, shared = noting_arm(tmp_path / "local"), noting_arm(tmp_path / "shared")
    expected = trained(LocalExecutor(), local)
    assert all(result.state for group in expected.values() for result in group)
    assert_equal(trained(cluster, shared), expected)
    processes = {process for group in GROUPS for process in shared.tries(group[0].seed)}
    assert len(processes) == 2  # three groups, of which two shared a worker
    assert processes.isdisjoint(local.tries(0))


def test_a_worker_killed_while_it_trains_loses_its_own_group_alone(
    cluster: RayExecutor, tmp_path: Path
) -> None:
    expected = trained(LocalExecutor(), noting_arm(tmp_path / "local"))
    arm = noting_arm(tmp_path / "shared", doomed=2)
    assert_equal(trained(cluster, arm), expected)
    assert len(set(arm.tries(2))) == 2  # another process took the group over
    assert [len(arm.tries(group[0].seed)) for group in GROUPS] == [1, 2, 1]


def test_a_group_whose_workers_all_die_is_named_and_the_others_are_kept(
    cluster: RayExecutor, tmp_path: Path
) -> None:
    arm = noting_arm(tmp_path / "shared", doomed=0, deaths=2)
    checkpoints = Checkpoints("toy", (), arm.data)
    with pytest.raises(StudyError) as caught:
        arms.train_groups("toy", GROUPS, arm, checkpoints, cluster)
    message = str(caught.value)
    assert "ray.retries: 1" in message
    assert "lora, rank 2, seed 0, learning rate 0.01 and 1 more (WorkerCrashedError)" in message
    assert "seed 2" not in message
    assert [checkpoints.load(group) is None for group in GROUPS] == [True, False, False]
    expected = trained(LocalExecutor(), noting_arm(tmp_path / "local"))
    results = arms.train_groups("toy", GROUPS, arm, checkpoints, LocalExecutor())
    assert_equal({0: results}, {0: [r for i in sorted(expected) for r in expected[i]]})
    assert [len(arm.tries(group[0].seed)) for group in GROUPS] == [3, 1, 1]


def test_bad_input_in_a_worker_is_one_clear_message(cluster: RayExecutor, tmp_path: Path) -> None:
    arm = noting_arm(tmp_path / "notes", refused=2)
    with pytest.raises(StudyError) as caught:
        trained(cluster, arm)
    assert str(caught.value) == "lora.rank: 99; allowed: less"
    assert caught.value.__suppress_context__
    assert len(arm.tries(2)) == 1  # not tried again


def test_a_diverging_run_is_told_as_by_the_local_executor(
    cluster: RayExecutor, tmp_path: Path
) -> None:
    groups = [[Run("lora", 2, rate, 0)] for rate in (0.01, 1e38)]
    messages = []
    for executor in (LocalExecutor(), cluster):
        arm = noting_arm(tmp_path / "notes")
        checkpoints = Checkpoints(type(executor).__name__, (), arm.data)
        with pytest.raises(StudyError) as caught:
            arms.train_groups("toy", groups, arm, checkpoints, executor)
        messages.append(str(caught.value))
        assert all(checkpoints.load(group) is not None for group in groups)
    assert "learning rate 1e+38, step" in messages[0]
    assert messages[0] == messages[1]


def test_a_search_with_early_exit_gives_the_same_bits(cluster: RayExecutor, tmp_path: Path) -> None:
    groups = [
        [Run("lora", 2, rate, seed) for seed in pair]
        for rate in (0.01, 1e-5, 0.003)
        for pair in ((0, 1), (2,))
    ]
    rung = Rung(3, 8, 2, "loss", lambda point: -point.loss)
    found = {}
    ways: dict[str, tuple[Executor, Rung | None]] = {
        "whole": (LocalExecutor(), None),
        "local": (LocalExecutor(), rung),
        "shared": (cluster, rung),
    }
    for name, (executor, at) in ways.items():
        arm = noting_arm(tmp_path / name)
        checkpoints = Checkpoints(name, (), arm.data)
        found[name] = arms.train_groups("toy", groups, arm, checkpoints, executor, at)
    assert_equal({0: found["shared"]}, {0: found["local"]})
    assert [r.paused_at for r in found["shared"]].count(3) == 3
    left = [i for i, result in enumerate(found["shared"]) if result.paused_at is None]
    assert all(found["shared"][i].standing is not None for i in left)
    survivors = [replace(found["shared"][i], standing=None) for i in left]
    assert_equal({0: survivors}, {0: [found["whole"][i] for i in left]})


def test_workers_compute_with_the_stages_threads_in_its_environment(
    cluster: RayExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = torch.get_num_threads()
    monkeypatch.setenv("TOY_SPIN", "7")
    monkeypatch.setattr(ray_executor, "PASSED_ON", ("TOY_SPIN", "NOT_SET"))
    arm = Surroundings(toy_settings(), noting_arm(Path("notes")).data)
    torch.set_num_threads(threads + 1)
    try:
        with pytest.raises(StudyError, match=f"^{threads + 1} {threads + 1} 7$"):
            trained(cluster, arm, GROUPS[:1])
    finally:
        torch.set_num_threads(threads)


def test_a_worker_with_other_versions_is_refused(
    cluster: RayExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = ray_executor._versions() | {"torch": "1.0"}
    monkeypatch.setattr(ray_executor, "_versions", lambda: versions)
    with pytest.raises(StudyError, match="the same versions everywhere"):
        trained(cluster, noting_arm(tmp_path / "notes"), GROUPS[:1])


def test_nothing_to_train_joins_no_cluster() -> None:
    assert trained(RayExecutor("nowhere", cpus=1, gpus=0, retries=0), None, []) == {}


def test_a_share_that_this_machine_does_not_have_is_refused() -> None:
    check = ray_executor._check_share
    check({"CPU": 2.0, "GPU": 0.0}, {"CPU": 2.0})
    with pytest.raises(StudyError, match=r"ray\.gpus: 0\.5 for each task, but this machine has 0;"):
        check({"CPU": 2.0, "GPU": 0.5}, {"CPU": 2.0})
    with pytest.raises(StudyError, match=r"ray\.cpus: 3 for each task"):
        check({"CPU": 3.0, "GPU": 0.0}, {"CPU": 2.0})


def test_the_setting_chooses(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = toy_settings()
    assert isinstance(executors.choose(chosen), LocalExecutor)
    on_ray = replace(chosen, train=replace(chosen.train, executor="ray"))
    assert isinstance(executors.choose(on_ray), RayExecutor)
    monkeypatch.delitem(sys.modules, "study.training.ray_executor", raising=False)
    monkeypatch.setitem(sys.modules, "ray", None)  # as if it were not installed
    with pytest.raises(StudyError, match=r"train.executor: ray, .*pip install '\.\[ray\]'"):
        executors.choose(on_ray)
    assert isinstance(executors.choose(chosen), LocalExecutor)


def test_what_decides_results_is_the_same_for_every_executor() -> None:
    local = toy_settings().train
    assert replace(local, executor="ray").decisive() == local.decisive()
    assert replace(local, batch_size=5).decisive() != local.decisive()


def test_an_arm_travels_without_what_it_loaded(tmp_path: Path) -> None:
    arm = noting_arm(tmp_path / "notes")
    before = pickle.dumps(arm)
    assert "model" not in vars(arm)
    arm.model  # noqa: B018
    assert "model" in vars(arm)
    assert pickle.dumps(arm) == before
    arrived = pickle.loads(before)
    assert "model" not in vars(arrived)
    assert arrived.settings == arm.settings
    assert torch.equal(arrived.data.train.input_ids, arm.data.train.input_ids)
