"""How the arms are called where people read them."""

from __future__ import annotations

HEAD_ONLY = "head_only"
FULL = "full"
LORA = "lora"


def arm_label(arm: str, rank: int | None = None) -> str:
    """Return an arm's name for a table, a legend or a caption."""
    if arm == LORA:
        return f"LoRA, rank {rank}"
    return {HEAD_ONLY: "Head only", FULL: "Full fine-tuning"}[arm]
