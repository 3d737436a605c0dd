"""What the cards tell, gathered from the study's records and settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from huggingface_hub import ModelCard

from lora.config import LoRAConfig
from study.entry.errors import StudyError
from study.pages.selected import hub
from study.pages.selected.base import Base
from study.pages.selected.merging import Checked
from study.pages.selected.padding import Padding
from study.pages.selected.pick import Recommendation
from study.records.runs import ArmRecord, RunRecord
from study.sources.resolve import display_name, resolve

if TYPE_CHECKING:
    from study.settings.whole import Settings


@dataclass(frozen=True)
class Facts:
    """All that stands in a card.

    Attributes:
        settings: of the study.
        summary, data, sufficient_rank: the records of these names.
        picked: the recommended rank; run: of it, the one that is handed out; arm: all its runs.
        config: of the adapter.
        checked: what the merged model was found to compute, in fp32.
        padding: of a batch, in what is handed out.
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
    padding: Padding

    @property
    def base_id(self) -> str | None:
        """The base's hub id: as in the settings, or as the card says that came with it."""
        name = self.settings.model.name
        return hub.hub_id(name, "model") or hub.id_in_card(self._base_card_text())

    @property
    def base_name(self) -> str:
        """What to call the base: its hub id, or a short name."""
        return self.base_id or hub.short_name(self.settings.model.name)

    @property
    def entry(self) -> Mapping[str, Any]:
        """The rank's entry in metrics/summary.json."""
        try:
            entry: Mapping[str, Any] = self.summary["lora"][str(self.picked.rank)]
        except KeyError as error:
            raise StudyError(
                f"metrics/summary.json: no rank {self.picked.rank}; run `dvc repro aggregate`"
            ) from error
        return entry

    @property
    def pairs_of(self) -> tuple[str, str] | None:
        """The columns of the two texts that the model reads together; None: it reads one."""
        found: Sequence[str] | None = self.data.get("pairs_of")
        return None if found is None else (found[0], found[1])

    def data_id(self) -> str | None:
        """Return the data's id on the hub, None if they are from elsewhere."""
        return hub.hub_id(self.settings.data.name, "data")

    def data_type(self) -> str:
        """Return the data's id on the hub, or what reads files of their kind."""
        return self.data_id() or hub.builder(self.settings.data.name)

    def data_name(self) -> str:
        """Return what the data are called: the source, and which rows of it."""
        name = self.settings.data.name
        return self.data_id() or PurePosixPath(display_name(name)).name

    def rows_taken(self) -> str:
        """Say which part of the source was taken, nothing if all of it."""
        data = self.settings.data
        rows = [f"{column} = {value}" for column, value in data.where or ()]
        parts = [*([data.subset] if data.subset else []), *rows]
        return f" ({', '.join(parts)})" if parts else ""

    def base_card(self) -> Mapping[str, Any]:
        """Return the metadata of the card that came with the base, as far as it lies on disk."""
        loaded = ModelCard(self._base_card_text(), ignore_metadata_errors=True)
        metadata: dict[str, Any] = loaded.data.to_dict()
        return metadata

    def license(self) -> str | None:
        """Return the base's licence as its card has it."""
        known = self.base_card().get("license")
        return known if isinstance(known, str) else None

    def _base_card_text(self) -> str:
        path = resolve(self.settings.model.name, "model").path
        card = None if path is None else Path(path, "README.md")
        return card.read_text(encoding="utf-8") if card is not None and card.is_file() else ""
