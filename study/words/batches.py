"""How a model computes its batches, in words."""

from __future__ import annotations

from study.records.prepared import Batching

BATCHES: dict[Batching, str] = {
    "shared": "packed, sentences end to end, and what they have in common from the first token on "
    "computed once",
    "packed": "packed, sentences end to end",
    "padded": "padded rows through the model's own forward",
    "separate": "padded rows through the model's own forward, one run at a time",
}
