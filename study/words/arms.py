"""How the arms are called where people read them."""

from __future__ import annotations

from study.records.arm_names import FULL, HEAD_ONLY, LORA


def arm_label(arm: str, rank: int | None = None) -> str:
    """Return an arm's name for a table, a legend or a caption."""
    if arm == LORA:
        return f"LoRA, rank {rank}"
    return {HEAD_ONLY: "Head only", FULL: "Full fine-tuning"}[arm]
