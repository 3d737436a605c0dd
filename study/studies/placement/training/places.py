"""A placement in a model: which of its linear layers it adapts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from transformers import PreTrainedModel

from lora.targets import ALL_LINEAR, find_targets, layer_index
from study.entry.errors import StudyError
from study.entry.kinds import Auto
from study.settings.lora import LoraSettings
from study.studies.placement.settings import LOWER, PLACEMENTS, UPPER
from study.studies.placement.training.roles import (
    in_attention,
    in_mlp,
    kind,
    queries_and_values,
)

_ROLES = {"query_value": "queries and values", "attention": "attention", "mlp": "an MLP"}
_SHOWN = 12  # kinds of layers that an error lists


class Absent(StudyError):
    """A model has no such place; the message says what is missing."""


@dataclass(frozen=True)
class Place:
    """The modules that an adapter is put into.

    Attributes:
        names: in full, in the model's order.
        note: what a reader should know of them; empty: nothing.
    """

    names: tuple[str, ...]
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return `modules` (their names inside a layer), `matrices`, `layers` and `note`."""
        layers = {layer_index(name) for name in self.names} - {None}
        return {
            "modules": list(dict.fromkeys(map(kind, self.names))),
            "matrices": len(self.names),
            "layers": sorted(layer for layer in layers if layer is not None),
            "note": self.note,
        }


def place_of(model: PreTrainedModel, name: str, asked: Sequence[str] | Auto = "auto") -> Place:
    """Return where a placement is in a model.

    Args:
        asked: auto: found by role; else names or patterns (`lora.targets`).

    Raises:
        Absent: the model has no layer of that role, or too few layers for a half.
        StudyError: a name that matches nothing, or a layer that takes no adapter.
    """
    linear = _linear(model)
    key = f"placement/params.yaml:{name}.target_modules"
    if asked == "auto":
        place = _by_role(model, name, linear)
    else:
        place = Place(tuple(_found(model, asked, key)), "the settings name its modules")
    if name in (UPPER, LOWER):
        half = _half(linear, name)
        place = Place(tuple(each for each in place.names if layer_index(each) in half), place.note)
    if not place.names:
        raise Absent(f"{key}: none of {', '.join(asked)} stands in this half of the layers")
    return place


def main_place(model: PreTrainedModel, lora: LoraSettings) -> tuple[str | None, Place]:
    """Return where the main study's LoRA is, and which placement that is; None: none of them.

    Raises:
        StudyError: as `place_of`.
    """
    own = Place(tuple(_found(model, lora.target_modules, "lora.target_modules", lora.layers)))
    for name in PLACEMENTS:
        try:
            place = place_of(model, name)
        except Absent:
            continue
        if set(place.names) == set(own.names):
            return name, place
    return None, own


def _by_role(model: PreTrainedModel, name: str, linear: Sequence[str]) -> Place:
    note = ""
    if name == "query_value":
        chosen, with_keys = queries_and_values(linear)
        if with_keys:
            shown = ", ".join(dict.fromkeys(map(kind, with_keys)))
            note = f"keys are adapted too, as one matrix makes them as well ({shown})"
    elif name in ("attention", "mlp"):
        has_role = in_attention if name == "attention" else in_mlp
        chosen = [each for each in linear if has_role(each)]
    else:
        chosen = list(linear)
    if not chosen:
        kinds = list(dict.fromkeys(map(kind, linear)))
        raise Absent(
            f"no linear layers of a {type(model).__name__} are known to make {_ROLES[name]}; it "
            f"has {', '.join(kinds[:_SHOWN])}. `placement/params.yaml:{name}.target_modules` can "
            "name them"
        )
    return Place(tuple(chosen), note)


def _half(linear: Sequence[str], name: str) -> set[int]:
    """Return the layers of a half; the middle one of an odd number is of the upper half.

    Where a model has two stacks, each is halved by its own numbers.

    Raises:
        Absent: there are fewer than two layers.
    """
    layers = sorted({index for each in linear if (index := layer_index(each)) is not None})
    if len(layers) < 2:
        raise Absent("the model has no two numbered layers, and so no halves")
    middle = len(layers) // 2
    return set(layers[middle:] if name == UPPER else layers[:middle])


def _linear(model: PreTrainedModel) -> list[str]:
    """Return every layer that an adapter can be put into.

    Raises:
        Absent: there is none, or one shares its weight, so that "all of them" is no placement.
    """
    try:
        return find_targets(model, (ALL_LINEAR,))
    except ValueError as error:
        raise Absent(str(error)) from error


def _found(
    model: PreTrainedModel,
    patterns: Sequence[str],
    key: str,
    layers: Sequence[int] | None = None,
) -> list[str]:
    try:
        return find_targets(model, patterns, layers)
    except ValueError as error:
        raise StudyError(f"{key}: {error}") from error
