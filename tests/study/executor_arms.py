"""A toy study for executors, and arms that note what they do; workers of Ray import them here."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from study.arms import lora
from study.arms.lora import LoraArm
from study.entry.errors import StudyError
from study.settings import whole as settings
from study.settings.whole import Settings
from study.training.executors import Arm
from study.training.loop import WHOLE, Part, Run, RunResult
from study.training.progress import Progress
from tests.study import toys

ROOT = Path(__file__).resolve().parents[2]
RANK = 2


def toy_settings() -> Settings:
    """The default settings, but for the toy model and its training."""
    chosen = settings.load(ROOT / "params.yaml")
    model = replace(chosen.model, name=str(toys.saved("bert")), dropout=0.1)
    return replace(chosen, model=model, train=toys.train_settings())


class Dying(Progress):
    """Kills its process in the third step, as a machine that is taken away would."""

    def step(self, losses: Sequence[Tensor]) -> None:
        if len(losses) == 3:
            os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True, eq=False)
class NotingArm(LoraArm):
    """LoRA that notes in a folder, by seed of a group's first run, each try of the group.

    Attributes:
        doomed: the seed whose worker dies while it trains.
        deaths: of that worker.
        refused: the seed whose group is bad input.
    """

    notes: Path
    doomed: int | None = None
    deaths: int = 1
    refused: int | None = None

    def __call__(
        self, runs: Sequence[Run], progress: Progress, part: Part = WHOLE
    ) -> list[RunResult]:
        seed = runs[0].seed
        with (self.notes / str(seed)).open("a", encoding="utf-8") as stream:
            stream.write(f"{os.getpid()}\n")
        if seed == self.refused:
            raise StudyError("lora.rank: 99; allowed: less")
        if seed == self.doomed and len(self.tries(seed)) <= self.deaths:
            progress = Dying("doomed", len(runs))
        return super().__call__(runs, progress, part)

    def tries(self, seed: int) -> list[str]:
        """The process of each try of a group, in order."""
        path = self.notes / str(seed)
        return path.read_text(encoding="utf-8").split() if path.exists() else []


def noting_arm(notes: Path, **changes: int) -> NotingArm:
    """The arm of the toy study."""
    notes.mkdir(exist_ok=True)
    chosen = toy_settings()
    config = lora.config_of(chosen.lora, RANK, chosen.model.name)
    return NotingArm(chosen, toys.prepared(), config, notes, **changes)


@dataclass(frozen=True, eq=False)
class Surroundings(Arm):
    """Trains nothing; says with how many threads, and in which environment, it would have."""

    def __call__(
        self, runs: Sequence[Run], progress: Progress, part: Part = WHOLE
    ) -> list[RunResult]:
        words = (torch.get_num_threads(), os.environ["OMP_NUM_THREADS"], os.environ["TOY_SPIN"])
        raise StudyError(" ".join(str(word) for word in words))
