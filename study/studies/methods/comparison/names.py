"""How the methods are called where people read them."""

from __future__ import annotations

from study.words.arms import arm_label

LABELS = {
    "lora": "LoRA",
    "rslora": "rsLoRA",
    "lora_plus": "LoRA+",
    "dora": "DoRA",
    "pissa": "PiSSA",
    "qlora": "QLoRA",
    "adapter": "Adapters",
    "bitfit": "BitFit",
    "ia3": "IA³",
    "prefix": "Prefix tuning",
}


def label(name: str) -> str:
    """Return a method's name for a table or a figure; also of the main study's arms."""
    return LABELS[name] if name in LABELS else arm_label(name)
