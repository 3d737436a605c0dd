"""The claims that a reader who picks a rank sees first; the page folds the others away."""

from __future__ import annotations

FIRST = (
    "quality_95_percent",
    "comparable_with_5_percent",
    "full_is_best",
    "head_only_underfits",
    "start_with_8",
    "saturates_at_8",
    "high_rank_overfits",
    "lora_takes_a_higher_rate",
    "lora_saves_memory",
    "drastically_cheaper",
)
"""Names, in the order in which they are shown: is it good enough, which rank, at what cost?"""
