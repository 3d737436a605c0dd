"""What the cards tell, gathered from the study's records and settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard

from lora.config import LoRAConfig
from study.errors import StudyError
from study.records import ArmRecord, RunRecord
from study.selected.base import Base
from study.selected.merging import Checked
from study.selected.pick import Recommendation
from study.settings import Settings
from study.sources import display_name, resolve


@dataclass(frozen=True)
class Facts:
    """All that stands in a card.

    Attributes:
        settings: of the study.
        summary, data, sufficient_rank: the records of these names.
        picked: the recommended rank; run: of it, the one that is handed out; arm: all its runs.
        config: of the adapter.
        checked: what the merged model was found to compute, in fp32.
    """

    settings: Settings
    summary: Mapping[str, Any]
    data: Mapping[str, Any]
    sufficient_rank: Mapping[str, Any]
    picked: Recommendation
    arm: ArmRecord
    run: RunRecord
    config: LoRAConfig
    base: Base
    checked: Checked

    @property
    def base_name(self) -> str:
        """The base's hub id, or what the settings call it; of a local path its last part."""
        return display_name(self.settings.model.name)

    @property
    def accuracy(self) -> Mapping[str, Any]:
        """The rank's entry in metrics/summary.json."""
        try:
            entry: Mapping[str, Any] = self.summary["lora"][str(self.picked.rank)]
        except KeyError as error:
            raise StudyError(
                f"metrics/summary.json: no rank {self.picked.rank}; run `dvc repro aggregate`"
            ) from error
        return entry

    def data_id(self) -> str | None:
        """Return the data's id on the hub, None if they are from elsewhere."""
        return hub_id(self.settings.data.name)

    def data_name(self) -> str:
        """Return what the data are, in words: the source, and which rows of it."""
        data = self.settings.data
        name: str = self.data["sources"]["main"]["name"]
        parts = [name, *([data.subset] if data.subset else [])]
        rows = [f"{column} = {value}" for column, value in data.where or ()]
        return " ".join(parts) + (f" ({', '.join(rows)})" if rows else "")

    def base_card(self) -> Mapping[str, Any]:
        """Return the metadata of the card that came with the base, as far as it lies on disk."""
        path = resolve(self.settings.model.name, "model").path
        card = None if path is None else Path(path, "README.md")
        if card is None or not card.is_file():
            return {}
        loaded = ModelCard(card.read_text(encoding="utf-8"), ignore_metadata_errors=True)
        metadata: dict[str, Any] = loaded.data.to_dict()
        return metadata


def hub_id(name: str) -> str | None:
    """Return the hub id of data that the settings name, None for a package's or a local file."""
    try:
        return name if resolve(name, "data").path is None else None
    except StudyError:
        return None  # a local file that has gone since it was read
