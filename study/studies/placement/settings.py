"""The settings of the comparison of placements: placement/params.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from study.entry.kinds import Auto, Count, Ranks, RatesOrAuto
from study.entry.rules import one_of, or_auto, several, several_or_one, words
from study.entry.sections import Section

UPPER, LOWER = "upper_half", "lower_half"
PLACEMENTS = ("query_value", "attention", "mlp", "all_linear", UPPER, LOWER)


@dataclass(frozen=True)
class PlaceSettings:
    """One placement.

    Attributes:
        target_modules: auto: found by role in the model; or names or patterns, as the main study's
            `lora.target_modules`.
        learning_rates: validation picks one; auto: see `study.studies.placement.training.rates`.
    """

    target_modules: Annotated[tuple[str, ...] | Auto, or_auto(several_or_one(words()))]
    learning_rates: RatesOrAuto


@dataclass(frozen=True)
class PlacementSettings:
    """The comparison of placements (`placement/dvc.yaml`).

    Attributes:
        placements: each is trained at each of the `ranks`. Everything else of theirs is the main
            study's section `lora`'s.
        search_seeds: how many seeds, the first, try every learning rate; the others train at the
            one that validation picks.
    """

    placements: Annotated[tuple[str, ...], several(one_of(*PLACEMENTS))]
    ranks: Ranks
    search_seeds: Count
    query_value: PlaceSettings
    attention: PlaceSettings
    mlp: PlaceSettings
    all_linear: PlaceSettings
    upper_half: PlaceSettings
    lower_half: PlaceSettings


PLACEMENT = Section("placement", PlacementSettings, file="placement/params.yaml")

if TYPE_CHECKING:
    from study.settings.whole import Settings

    @dataclass(frozen=True)
    class PlacementStudy(Settings):
        """The main study's settings and the placements'."""

        placement: PlacementSettings
