"""The records of further blocks of seeds (`study.settings.seeds`), put to the first block's."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from study.entry.errors import StudyError
from study.records.logits import Logits, read_logits
from study.records.runs import ArmRecord


@dataclass(frozen=True)
class Named:
    """An arm of one block: the files that hold it, and the stage that writes them.

    Attributes:
        arm: as files have it, such as lora-r8; of: as DVC has it, such as lora@8.
        block: 0 is the first.
    """

    arm: str
    of: str
    block: int = 0

    @property
    def stage(self) -> str:
        """The name that `dvc repro` takes."""
        if not self.block:
            return self.of
        name, _, rank = self.of.partition("@")
        return f"{name}_block@{rank}-{self.block}" if rank else f"{name}_block@{self.block}"

    def path(self, folder: Path, kind: str, ending: str) -> Path:
        """Return the file; `folder` is metrics/, `kind` runs or logits."""
        if not self.block:
            return folder / kind / f"{self.arm}{ending}"
        return folder / "blocks" / kind / f"{self.arm}-b{self.block}{ending}"

    def blocks(self, blocks: Sequence[int]) -> list[Named]:
        """Return the same arm in each of these blocks."""
        return [dataclasses.replace(self, block=block) for block in blocks]

    def logits(self, folder: Path, blocks: Sequence[int] = ()) -> Logits:
        """Read the logits of this block, with those of further ones.

        Raises:
            StudyError: a file is missing or is of other sentences than this block's; it is named,
                and the command that makes it anew.
        """
        found = self._logits(folder)
        for named in self.blocks(blocks):
            more = named._logits(folder)
            for split in ("validation_labels", "test_labels"):
                if not np.array_equal(getattr(more, split), getattr(found, split)):
                    raise StudyError(
                        f"{named._logits_path(folder)}: other {split} than the first block's; run "
                        f"`dvc repro {named.stage}`"
                    )
            found = dataclasses.replace(
                found,
                validation=dict(sorted((found.validation | more.validation).items())),
                test=dict(sorted((found.test | more.test).items())),
            )
        return found

    def _logits_path(self, folder: Path) -> Path:
        return self.path(folder, "logits", ".safetensors")

    def _logits(self, folder: Path) -> Logits:
        try:
            return read_logits(self._logits_path(folder))
        except StudyError as error:
            raise StudyError(f"{error}; run `dvc repro {self.stage}`") from error


def joined(first: ArmRecord, further: Sequence[ArmRecord]) -> ArmRecord:
    """Return an arm's record with the runs of further blocks, which are at its picked rate."""
    runs = (*first.runs, *(run for record in further for run in record.runs))
    return dataclasses.replace(first, runs=runs)
