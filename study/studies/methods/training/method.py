"""What every method beside LoRA is: something put into a frozen model, and names of what trains.

A method knows nothing of training. `study.studies.methods.training.arm` trains what it puts in with
the study's own trainer: the same sentences in the same order, the same initial head, one run at a
time.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor
from transformers import PreTrainedModel

from study.entry.errors import StudyError
from study.models.packed import PackedClassifier

State = Mapping[str, Tensor]  # what one run trained, by its name in the method's classifier


class NotApplicable(StudyError):
    """A method cannot be applied to this model; the message says why."""


class Method(ABC):
    """One way to tune a model whose own parameters stay frozen, or most of them.

    Attributes:
        reason_unmergeable: why what it trains cannot be put into the base's own weights; None
            where it can.
    """

    reason_unmergeable: str | None = None

    def prepare(self, model: PreTrainedModel, max_length: int) -> None:
        """Make a freshly loaded model ready for the method, once; it stays so.

        Args:
            max_length: the most tokens of a sentence.

        Raises:
            NotApplicable: the method has no place in such a model.
        """
        del max_length

    @abstractmethod
    def insert(self, model: PreTrainedModel, generator: torch.Generator) -> tuple[str, ...]:
        """Put the method's modules into a model; return the model's parameters that it trains.

        Args:
            generator: of initial values, on the CPU.
        """

    @abstractmethod
    def eject(self, model: PreTrainedModel) -> None:
        """Take out what `insert` put in: the same modules as before."""

    def classifier(
        self, model: PreTrainedModel, seed: int, generator: torch.Generator
    ) -> tuple[PackedClassifier, tuple[str, ...]]:
        """Return a classifier for one run, and which of its parameters train beside the head."""
        names = self.insert(model, generator)
        return PackedClassifier(model, [seed]), tuple(f"model.{name}" for name in names)

    def keep_fp32(self, name: str) -> bool:
        """Whether a trained parameter is computed with in fp32 where `train.precision` is bf16."""
        del name
        return False

    def merge(self, model: PreTrainedModel) -> None:
        """Put what an inserted method has trained into the base's own weights, and eject it.

        Raises:
            NotApplicable: as `reason_unmergeable` says.
        """
        raise NotApplicable(str(self.reason_unmergeable))
