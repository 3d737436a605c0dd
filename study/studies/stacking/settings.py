"""The settings of stacking: stacking/params.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from study.entry.kinds import Count, Texts
from study.entry.parser import Agreement
from study.entry.rules import number, several
from study.entry.sections import Section
from study.settings.source import SourceSettings


@dataclass(frozen=True)
class StackingSettings:
    """The headline's adapter and one of another task, added (`stacking/dvc.yaml`).

    Attributes:
        source: of the other task, which has the same classes.
        train_size, validation_size: sentences of the other task; test_size: of either.
        weights: of either adapter, in every combination.
        selections: parts of the model in each of which alone the other task's update is added:
            endings of adapted modules' names, "lower" or "upper" for that half of the layers.
    """

    source: SourceSettings
    train_size: Count
    validation_size: Count
    test_size: Count
    weights: Annotated[tuple[float, ...], several(number(above=0))]
    selections: Texts


AGREEMENTS = (
    Agreement(
        ("source.label",),
        lambda label: label is not None,
        "a column: the other task is trained on",
    ),
)


STACKING = Section("stacking", StackingSettings, AGREEMENTS, file="stacking/params.yaml")

if TYPE_CHECKING:
    from study.settings.whole import Settings

    @dataclass(frozen=True)
    class StackingStudy(Settings):
        """The main study's settings and those of stacking."""

        stacking: StackingSettings
