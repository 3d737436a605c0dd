"""What the base and every arm's first seed wrote to the held-out prompts, and its score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from lora import peft_format
from lora.adapter import attach
from lora.inject import eject
from study.data.tokenising import load_tokenizer
from study.entry.errors import StudyError
from study.records.arm_names import FULL, LORA
from study.records.prepared import Prepared
from study.studies.instruct.pairs.scoring import scores
from study.studies.instruct.training.generation import (
    answers,
    end_tokens,
    load_generating,
    responses,
)
from study.studies.instruct.training.records import TunedRecord

if TYPE_CHECKING:
    from study.studies.instruct.settings.whole import InstructSettings

BEFORE = "before"


@dataclass(frozen=True)
class Written:
    """What one arm wrote.

    Attributes:
        arm: before, lora or full; rank: of lora.
        score: mean of `scores`, one a held-out pair, from 0 to 1.
    """

    arm: str
    rank: int | None
    score: float
    scores: tuple[float, ...]
    texts: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as it stands in the file."""
        return asdict(self) | {"scores": list(self.scores), "texts": list(self.texts)}


def written_by_arm(
    settings: InstructSettings, data: Prepared, full: TunedRecord, adapters: Path
) -> dict[str, Any]:
    """Let the base and the adapters write, and score what all arms wrote: generated.json.

    Args:
        full: which has what full fine-tuning wrote.
        adapters: the folder of r{rank}/s{seed}/.

    Returns:
        the `metric`, the `seed`, the texts that were `wanted` and the `arms` (see `Written`); with
        no metric the arms are none.

    Raises:
        StudyError: the model cannot be loaded, or full.json was made without the metric.
    """
    metric, seed = settings.generation.metric, settings.seeds[0]
    if metric is None:
        return {"metric": None, "seed": seed, "wanted": [], "arms": []}
    if full.written is None:
        raise StudyError("full.json: holds no text; run `dvc repro instruct/dvc.yaml`")
    model = load_generating(settings.model.name, settings.train, data)
    found: list[tuple[str, int | None, Sequence[Sequence[int]]]] = [
        (BEFORE, None, answers(model, data, settings.train))
    ]
    for rank in sorted(settings.lora.ranks):
        attach(model, peft_format.load(adapters / f"r{rank}/s{seed}"))
        found.append((LORA, rank, answers(model, data, settings.train)))
        eject(model)
    found.append((FULL, None, full.written))
    tokenizer, _ = load_tokenizer(settings.model.name)

    def texts(written: Sequence[Sequence[int]]) -> list[str]:
        return [tokenizer.decode(ids, skip_special_tokens=True).strip() for ids in written]

    wanted = texts(responses(data.test, end_tokens(model, data.train)))
    arms = []
    for arm, of_rank, ids in found:
        told = texts(ids)
        each = scores(metric, wanted, told)
        arms.append(Written(arm, of_rank, fmean(each), tuple(each), tuple(told)).to_json())
    return {"metric": metric, "seed": seed, "wanted": wanted, "arms": arms}
