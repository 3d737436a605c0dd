"""Finds that are known and open: where the room that lets them through may not be changed yet.

Each is told by the table and fails nothing; one that is mended is to be taken out of here.
"""

from __future__ import annotations

OPEN = frozenset(
    {
        # Settings: tags and numbers that no value can be made of, values that cannot be written
        # out, and errors that quote all of a long value.
        "study/entry/yaml_core.py _integer: ValueError",
        "study/entry/yaml_core.py construct_mapping: ValueError",
        "study/entry/yaml_core.py construct_mapping: KeyError",
        "study/entry/parser.py _show: ValueError",
        "an error of more than 20,000 characters",
        # Adapters: settings of other kinds, numbers that are not finite, another model's sizes, and
        # errors that do not say which adapter it is.
        "lora/config.py __post_init__: AttributeError",
        "lora/adapter.py load_into: ValueError",
        "lora/merge.py _merge_layer: ValueError",
        "an error that names neither key nor file",
        # Records: values of other kinds, and such as no training gives.
        "study/analyses/results/summary.py _training: TypeError",
        "study/analyses/results/sweep.py scores: ValueError",
        "aggregated with a trainable_parameters that cannot be",
        "aggregated with a head_parameters of another kind",
    }
)
