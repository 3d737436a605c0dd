"""The study's pass held against the model's own, one family at a time."""

from __future__ import annotations

import math
import tempfile
import textwrap
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from checks.families import making, ours, truth
from checks.families.sentences import CHOSEN, sentences
from study.entry.errors import StudyError

LOGITS = 2e-5  # relative to the largest logit if that is above one
GRADIENTS = 1e-4  # relative to the largest gradient
_FRAMES = -3  # of a traceback, the last
NOT_MADE, REFUSED, FAULT = "not made", "refused", "fault"


@dataclass(frozen=True)
class Outcome:
    """What became of a family.

    Attributes:
        how: "shared", "packed", "padded" or "separate" if the study takes it, else one of the
            three above.
        why: it is so; of a fault, the traceback.
        logits, gradients: by how much the study is off, of one run a pass and of two; None: not
            compared.
        padding: by how much the model's own answers depend on being padded.
    """

    family: str
    kind: str
    how: str
    why: str = ""
    logits: float | None = None
    gradients: float | None = None
    padding: float | None = None

    @property
    def accepted(self) -> bool:
        """Whether the study takes the family."""
        return self.logits is not None

    @property
    def right(self) -> bool:
        """Whether it is not taken, or computes what transformers does."""
        if self.logits is None or self.gradients is None:
            return self.how != FAULT
        return self.logits <= LOGITS and self.gradients <= GRADIENTS


def compare(family: str, kind: str) -> Outcome:
    """Make a model of a family and compare; raises nothing."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            path = making.make(Path(folder, family), family, kind)
            plain = truth.Model(path, kind)
            split = sentences(kind == making.CAUSAL)
            padding = plain.padding_matters(split, CHOSEN[0])
            layers = plain.layers(split)
        except Exception as error:
            return Outcome(family, kind, NOT_MADE, _brief(error))
        if not layers:
            none = "it has no linear layers that an adapter could be put on"
            return Outcome(family, kind, REFUSED, none, padding=padding)
        try:
            model, choice = ours.load(path, kind, layers)
        except StudyError as error:
            return Outcome(family, kind, REFUSED, str(error), padding=padding)
        except Exception:
            return Outcome(
                family, kind, FAULT, traceback.format_exc(limit=_FRAMES), padding=padding
            )
        try:
            logits, gradients = [], []
            for runs in (1, 2):
                for run, found in ours.answers(model, kind, split, layers, runs):
                    expected = plain.answers(split, run)
                    logits.append(truth.off_by(found.outputs, expected.outputs))
                    gradients.append(_apart(found.gradients, expected.gradients))
        except Exception:
            return Outcome(
                family, kind, FAULT, traceback.format_exc(limit=_FRAMES), padding=padding
            )
        worst = max(logits), max(gradients)
        return Outcome(family, kind, choice.batching, choice.why, *worst, padding=padding)


def _apart(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> float:
    """Return the largest difference of gradients, relative to the largest of all gradients."""
    largest = max(float(gradient.abs().max()) for gradient in expected.values())
    differences = [float((found[n] - g).abs().max()) for n, g in expected.items()]
    return max(differences) / largest if largest else math.inf


def _brief(error: Exception) -> str:
    """Return an error's kind and the beginning of what it says."""
    return textwrap.shorten(f"{type(error).__name__}: {error}", 160, placeholder=" …")
