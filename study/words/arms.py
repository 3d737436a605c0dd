"""How the arms are called where people read them."""

from __future__ import annotations

from study.records.arm_names import FULL, HEAD_ONLY, LORA

PROBE = "linear_probe"
"""What the linear probe is called in records, beside the names of the arms that are trained."""

_STATES = {
    "pooled": "pooled states",
    "first": "states of the first token",
    "last": "states of the last token",
    "mean": "mean-pooled states",
}


def arm_label(arm: str, rank: int | None = None) -> str:
    """Return an arm's name for a table, a legend or a caption."""
    if arm == LORA:
        return f"LoRA, rank {rank}"
    return {HEAD_ONLY: "Head only", PROBE: "Linear probe", FULL: "Full fine-tuning"}[arm]


def states_words(state: str) -> str:
    """Name a kind of the frozen encoder's states: mean-pooled states."""
    return _STATES[state]


def head_words(arm: str, state: str | None) -> str:
    """Say which head on the frozen encoder is meant by "the head alone".

    Args:
        state: the kind of states that a linear probe reads.
    """
    if arm == PROBE and state is not None:
        return f"a linear probe on {states_words(state)}"
    return "the model's own head, trained"
