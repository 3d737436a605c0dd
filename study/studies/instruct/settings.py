"""The settings of instruction tuning: the parts of the main study's, and its own of the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from study.entry.kinds import Count, CountOrNull, Seed, Seeds, Text, TextOrNull, Where
from study.entry.parser import Agreement
from study.entry.rules import number, one_of, several
from study.entry.sections import Section
from study.settings.lora import LoraSettings
from study.settings.model import MODEL, ModelSettings
from study.settings.ray import RAY, RaySettings
from study.settings.seeds import SEEDS
from study.settings.train import TRAIN, TrainSettings


@dataclass(frozen=True)
class PairSettings:
    """The instruction–response pairs, and how they are split.

    Attributes:
        form: reviews (labelled texts, of which pairs are made by templates) or alpaca (columns
            instruction, output and, where there is one, input).
        name: hub id, local folder or file, or package:PACKAGE/path/inside.
        subset: configuration of a hub data set; split: split of a hub data set.
        where: (column, value) pairs; only rows that have these values are read.
        text, label: columns of reviews; positive: the label of a review that praises.
        system: text of the message that goes before each instruction; None: as the model's chat
            template has it.
        train_size, validation_size, test_size: pairs. None: all that are left.
        max_length: tokens of a pair; a longer response is cut off.
        seed: of the split and of the templates.
    """

    form: Annotated[str, one_of("reviews", "alpaca")]
    name: Text
    subset: TextOrNull
    split: Text
    where: Where
    text: Text
    label: Text
    positive: Text
    system: TextOrNull
    train_size: CountOrNull
    validation_size: Count
    test_size: Count
    max_length: Count
    seed: Seed


@dataclass(frozen=True)
class CompareSettings:
    """How ranks are compared.

    Attributes:
        confidence: of every interval; 1 - confidence is the error rate of tests.
        margins: per cent of perplexity that would not matter between two ranks; the first decides
            the questions and hypotheses.
    """

    confidence: Annotated[float, number(above=0, below=1)]
    margins: Annotated[tuple[float, ...], several(number(above=0, below=100))]


@dataclass(frozen=True)
class InstructSettings:
    """Everything that can be set; of `lora`, `rank` is the one that others are compared with."""

    seeds: Seeds
    model: ModelSettings
    data: PairSettings
    train: TrainSettings
    ray: RaySettings
    lora: LoraSettings
    compare: CompareSettings


LORA_AGREEMENTS = (
    Agreement(
        ("lora.rank", "lora.ranks"),
        lambda rank, ranks: rank in ranks,
        "a rank out of lora.ranks: the others are compared with it",
    ),
)

DATA = Section("data", PairSettings)
LORA = Section("lora", LoraSettings, LORA_AGREEMENTS)
COMPARE = Section("compare", CompareSettings)
SECTIONS = (SEEDS, MODEL, DATA, TRAIN, RAY, LORA, COMPARE)
