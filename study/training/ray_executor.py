"""Groups of runs as tasks of a Ray cluster; imported only where `train.executor` is ray.

The cluster is the one that `ray.address` names, else the environment's RAY_ADDRESS, else one that
is started on this machine and stopped when the arm is done. On a cluster that is joined, Ray sends
the folder in which the stage runs to the workers, as far as git would take it and without data/:
that brings the code, and a model that is named by a relative path. All else must be installed there
in the same versions as here. Ray moves work and results by its own pickling, so whoever may join
the cluster is trusted; Ray's RAY_AUTH_MODE=token, in the environment, is for clusters with a token.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from itertools import repeat
from math import nan
from typing import Any
from uuid import uuid4

# Read when Ray is imported: no usage reports to Ray's makers, no lines of progress left out because
# they look alike, and no colours in a file.
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ.setdefault("RAY_DEDUP_LOGS", "0")
os.environ.setdefault("RAY_COLOR_PREFIX", "0")

import ray
import torch
from ray import exceptions

from study.entry import process
from study.entry.errors import StudyError
from study.training.loop import WHOLE, Part, Run, RunResult, TrainGroup
from study.training.machine import PACKAGES
from study.training.progress import Progress

LOCAL = "local"
NOT_SENT = ["/data/", "/checkpoints/"]  # besides what .gitignore names
PASSED_ON = (*process.SETTINGS, "HF_HUB_OFFLINE")  # of this process's environment
CONNECT_SECONDS = 10.0  # Ray itself would try an address that nobody serves for minutes


class RayExecutor:
    """Trains each group as one Ray task, and hands its results on as soon as they are there.

    Args:
        address: of the cluster; None: RAY_ADDRESS, or a cluster of this machine alone.
        cpus: that a task asks for; None: as many as this process has threads.
        gpus: that a task asks for; a share below 1 lets several tasks use one GPU.
        retries: how often a group whose worker died is trained again.
    """

    def __init__(self, address: str | None, cpus: float | None, gpus: float, retries: int) -> None:
        self._address, self._cpus, self._gpus, self._retries = address, cpus, gpus, retries

    def train(
        self,
        train_group: TrainGroup,
        groups: Sequence[Sequence[Run]],
        progress: Progress,
        parts: Iterable[Part] = repeat(WHOLE),
    ) -> Iterator[tuple[int, list[RunResult]]]:
        """Train the groups side by side; see `study.training.executors.Executor`.

        A worker computes with as many threads as this process, so that its results are the same to
        the last bit on machines of one kind. It prints its epochs itself, and Ray passes on what
        comes in time; that a group has trained is printed here.

        Raises:
            StudyError: no cluster answers, a task's share is more than this machine has, a worker
                has other versions, or a group's worker died once more than `retries` allow; in the
                last case all other groups have been trained and handed on by then.
        """
        if not groups:
            return
        threads = torch.get_num_threads()
        cpus = float(threads) if self._cpus is None else self._cpus
        with _connected(self._address, {"CPU": cpus, "GPU": self._gpus}):
            task = ray.remote(_train_group).options(
                num_cpus=cpus,
                num_gpus=self._gpus,
                max_retries=self._retries,
                runtime_env={"env_vars": _environment(threads)},
            )
            # In a list, so that Ray hands on the reference: a worker fetches the arm once.
            arm = [ray.put(train_group)]
            key = uuid4().hex
            waiting = {
                task.remote(key, arm, tuple(group), part, threads, _versions()): i
                for i, (group, part) in enumerate(zip(groups, parts, strict=False))
            }
            lost = []
            try:
                while waiting:
                    (ready,), _ = ray.wait(list(waiting), num_returns=1)
                    i = waiting.pop(ready)
                    try:
                        results = ray.get(ready)
                    except exceptions.RayTaskError as error:
                        if isinstance(error.cause, StudyError):
                            raise StudyError(str(error.cause)) from None
                        raise
                    except exceptions.RayError as error:
                        lost.append(f"{_name(groups[i])} ({type(error).__name__})")
                    else:
                        _report(groups[i], results)
                        yield i, results
            finally:
                for unfinished in waiting:
                    ray.cancel(unfinished, force=True)
        if lost:
            raise StudyError(
                f"ray.retries: {self._retries}, but the worker died each time: {'; '.join(lost)}. "
                "All other groups of runs are kept; start the stage again to train these"
            )


@contextmanager
def _connected(address: str | None, share: dict[str, float]) -> Iterator[None]:
    """Join or start the cluster for as long as the block lasts.

    Raises:
        StudyError: no cluster answers, or this machine alone is to serve, and has too little.
    """
    if ray.is_initialized():  # by the caller, who leaves it when he likes
        yield
        return
    address = address or os.environ.get("RAY_ADDRESS") or LOCAL
    chosen: dict[str, Any] = {"include_dashboard": False}
    if address != LOCAL:
        chosen = {"runtime_env": {"working_dir": os.getcwd(), "excludes": NOT_SENT}}
    try:
        _knock(address)
        ray.init(address, logging_level="error", **chosen)
    except (OSError, RuntimeError, ValueError) as error:
        raise StudyError(
            f"ray.address: {address}: no Ray cluster there ({error}); allowed: HOST:PORT, "
            "ray://HOST:PORT, auto (one that runs on this machine), local, or null; a cluster that "
            "asks for a token needs RAY_AUTH_MODE=token in the environment"
        ) from error
    try:
        if address == LOCAL:
            _check_share(share, ray.cluster_resources())
        yield
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Raise OSError at once if an address of the form HOST:PORT is served by nobody."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host, int(port)), CONNECT_SECONDS).close()


def _check_share(share: dict[str, float], there: dict[str, float]) -> None:
    """Refuse a share that this machine cannot give; Ray would wait for it for ever."""
    for name, wanted in share.items():
        has = there.get(name, 0.0)
        if wanted > has:
            raise StudyError(
                f"ray.{name.lower()}s: {wanted:g} for each task, but this machine has {has:g}; "
                f"allowed: at most {has:g}, or the ray.address of a larger cluster"
            )


def _environment(threads: int) -> dict[str, str]:
    """Return what a worker's environment must say before torch is loaded there."""
    passed_on = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return passed_on | {"OMP_NUM_THREADS": str(threads)}


def _versions() -> dict[str, str]:
    return {name: version(name) for name in PACKAGES}


def _name(runs: Sequence[Run]) -> str:
    others = f" and {len(runs) - 1} more" if len(runs) > 1 else ""
    return f"{runs[0]}{others}"


def _report(runs: Sequence[Run], results: Sequence[RunResult]) -> None:
    paused = results[0].paused_at
    kept = [
        next((p.score for p in result.validation if p.epoch == result.best_epoch), nan)
        if paused is None
        else nan
        if result.standing is None
        else result.standing.score
        for result in results
    ]
    scores = " ".join(f"{score:.4f}" for score in kept)
    done = "trained" if paused is None else f"paused after step {paused}"
    print(f"{_name(runs)}: {done}, on validation {scores}", flush=True)


# --- In the worker -------------------------------------------------------------------------------

_arms: dict[str, TrainGroup] = {}  # the one that this worker trains now, with its model loaded


def _train_group(
    key: str,
    arm: list[Any],
    runs: Sequence[Run],
    part: Part,
    threads: int,
    versions: dict[str, str],
) -> list[RunResult]:
    """Train one group in a worker.

    Args:
        key: tells one arm from another.
        arm: its reference, in a list.
    """
    if versions != _versions():
        raise StudyError(
            f"ray: a worker has {_versions()}, the stage {versions}; results would depend on where "
            "a group trained; allowed: the same versions everywhere"
        )
    torch.set_num_threads(threads)
    process.keep_freed_memory()
    if key not in _arms:
        _arms.clear()
        _arms[key] = ray.get(arm[0])
    return _arms[key](runs, Progress(_name(runs), len(runs)), part)
