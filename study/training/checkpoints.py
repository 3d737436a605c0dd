"""Finished groups of runs, kept until their stage has written its outputs.

A stage that is killed, or that fails because one run's loss was not finite, has trained its other
runs in vain unless they are kept. They stand in a git-ignored folder that DVC does not know, under
a name made of everything that decides a run's result: the runs that trained together, the settings,
the data, and the code. What is found there is what training would give again. A group that is
paused (`study.training.pausing`) stands there too, under the step, with what going on takes.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from study.records.prepared import Prepared
from study.records.runs import Evaluation
from study.training.loop import Run, RunResult

FOLDER = Path("checkpoints")
_CODE = ("study", "lora")
_LOGITS = ("validation_logits", "test_logits")


class Checkpoints:
    """The finished groups of one stage.

    Args:
        stage: names the folder; everything under it belongs to this stage.
        settings: all that decides the results, of any JSON-like or dataclass type.
        data: that the runs train on.
    """

    def __init__(self, stage: str, settings: Any, data: Prepared) -> None:
        self._folder = FOLDER / stage
        digest = hashlib.sha256(repr(settings).encode())
        versions = f"{torch.__version__} {transformers.__version__}"
        digest.update(f"{versions} {torch.get_num_threads()}".encode())
        digest.update(f"{data.batching} {data.pad_token_id}".encode())
        for split in (data.train, data.validation, data.test):
            for tensor in split.tensors().values():
                digest.update(tensor.numpy().tobytes())
        root = Path(__file__).resolve().parents[2]
        for path in sorted(p for package in _CODE for p in (root / package).rglob("*.py")):
            digest.update(path.read_bytes())
        self._digest = digest.hexdigest()

    def _path(self, runs: Sequence[Run], step: int | None) -> Path:
        part = "" if step is None else f" {step}"
        name = hashlib.sha256((self._digest + repr(tuple(runs)) + part).encode()).hexdigest()
        return self._folder / f"{name}.safetensors"

    def load(
        self, runs: Sequence[Run], step: int | None = None, *, states: bool = True
    ) -> list[RunResult] | None:
        """Return the results of a group that finished before, or None.

        Args:
            step: None, or after which the group was paused.
            states: read those too; else they are empty.
        """
        path = self._path(runs, step)
        if not path.exists():
            return None
        try:
            with safe_open(path, framework="pt") as file:
                words = json.loads(file.metadata()["results"])
                names = [n for n in file.keys() if states or "/state/" not in n]  # noqa: SIM118
                tensors = {name: file.get_tensor(name) for name in names}
        except (SafetensorError, OSError, KeyError, json.JSONDecodeError):
            return None  # torn by a kill: train the group again
        return [_result(i, run, words[i], tensors) for i, run in enumerate(runs)]

    def save(
        self, runs: Sequence[Run], results: Sequence[RunResult], step: int | None = None
    ) -> None:
        """Keep a group's results; of one that is paused after a step under the step too."""
        tensors: dict[str, torch.Tensor] = {}
        for i, result in enumerate(results):
            tensors |= {f"{i}/{name}": getattr(result, name) for name in _LOGITS}
            tensors |= {f"{i}/state/{name}": x for name, x in result.state.items()}
        words = [
            {
                "best_epoch": result.best_epoch,
                "validation": [dataclasses.asdict(point) for point in result.validation],
                "loss_steps": result.loss_steps,
                "loss_values": result.loss_values,
                "diverged_at": result.diverged_at,
                "paused_at": result.paused_at,
                "standing": result.standing and dataclasses.asdict(result.standing),
            }
            for result in results
        ]
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._path(runs, step)
        partial = path.with_suffix(".partial")
        tensors = {name: x.contiguous() for name, x in tensors.items()}
        save_file(tensors, partial, metadata={"results": json.dumps(words)})
        partial.replace(path)

    def discard(self) -> None:
        """Drop all of the stage's groups, once its outputs are written."""
        shutil.rmtree(self._folder, ignore_errors=True)


def _result(
    index: int, run: Run, words: dict[str, Any], tensors: dict[str, torch.Tensor]
) -> RunResult:
    prefix = f"{index}/state/"
    state = {n.removeprefix(prefix): x for n, x in tensors.items() if n.startswith(prefix)}
    return RunResult(
        run=run,
        best_epoch=words["best_epoch"],
        validation=tuple(Evaluation(**point) for point in words["validation"]),
        loss_steps=tuple(words["loss_steps"]),
        loss_values=tuple(words["loss_values"]),
        **{name: tensors[f"{index}/{name}"] for name in _LOGITS},
        state=state,
        diverged_at=words["diverged_at"],
        paused_at=words["paused_at"],
        standing=words["standing"] and Evaluation(**words["standing"]),
    )
