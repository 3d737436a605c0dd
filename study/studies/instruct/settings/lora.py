"""Section `lora` of instruct/params.yaml: the main study's, its `rank` one of the sweep."""

from __future__ import annotations

from study.entry.parser import Agreement
from study.entry.sections import Section
from study.settings.lora import LoraSettings

AGREEMENTS = (
    Agreement(
        ("lora.rank", "lora.ranks"),
        lambda rank, ranks: rank in ranks,
        "a rank out of lora.ranks: the others' training losses are drawn beside its",
    ),
)

LORA = Section("lora", LoraSettings, AGREEMENTS)
