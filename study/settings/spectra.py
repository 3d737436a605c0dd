"""Section `spectra`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from study.entry.kinds import CountOrNull, Flag
from study.entry.rules import number
from study.entry.sections import Section


@dataclass(frozen=True)
class SpectraSettings:
    """Singular values and vectors of the updates.

    Attributes:
        energy: share of an update's squared norm that the energy rule asks for.
        intruder_cosine: a singular vector of a tuned matrix is an intruder if its absolute cosine
            with every one of the pretrained matrix is below this.
        gradient_sentences: of train, whose gradient at the start is read; None for all.
        shuffled_labels: train full fine-tuning on shuffled labels too, as the control of what
            seeds share.
    """

    energy: Annotated[float, number(above=0, below=1)]
    intruder_cosine: Annotated[float, number(above=0, below=1)]
    gradient_sentences: CountOrNull
    shuffled_labels: Flag


SPECTRA = Section("spectra", SpectraSettings)
