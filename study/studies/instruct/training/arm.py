"""One rank of instruction tuning: every seed and learning rate trained, and what is kept of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, ClassVar

import torch
from transformers import PreTrainedModel

from lora import peft_format
from lora.adapter import Adapter
from study.arms.lora import LoraArm, Pack
from study.arms.rank import adapters_of, run_rank
from study.models.causal import PackedCausalLM, load_causal_for
from study.records.prepared import Prepared
from study.studies.instruct.training.operations import epoch_operations
from study.studies.instruct.training.records import PairRun, RankRecord
from study.training.checkpoints import Checkpoints
from study.training.loop import RunResult
from study.training.machine import device

if TYPE_CHECKING:
    from study.studies.instruct.settings.whole import InstructSettings


@dataclass(frozen=True, eq=False)
class CausalLoraArm(LoraArm):
    """LoRA in a causal language model, as work for an executor."""

    pack: ClassVar[Pack] = PackedCausalLM
    task_type: ClassVar[str] = "CAUSAL_LM"

    def load(self, dtype: torch.dtype) -> PreTrainedModel:
        """Load the settings' model with its output layer."""
        model, used = self.settings.model, device(self.settings.train)
        return load_causal_for(self.data, model.name, dtype, model.dropout, used)


@dataclass(frozen=True)
class TunedRank:
    """What training one rank gave.

    Attributes:
        record: of all runs.
        adapters: by seed, of the learning rate that validation picked.
        checkpoints: to be discarded once the results are written.
    """

    record: RankRecord
    adapters: dict[int, Adapter]
    checkpoints: Checkpoints

    def save_adapters(self, folder: Path) -> None:
        """Write each seed's adapter in PEFT's format, under s{seed}/."""
        for seed, adapter in self.adapters.items():
            peft_format.save(adapter, folder / f"s{seed}")


def train_rank(settings: InstructSettings, data: Prepared, rank: int, stage: str) -> TunedRank:
    """Train LoRA at one rank on the response tokens of the pairs.

    Args:
        stage: names the checkpoints.

    Raises:
        StudyError: as `study.arms.rank.run_rank`.
    """
    arm, size, results, checkpoints = run_rank(settings, data, rank, stage, CausalLoraArm)
    runs = tuple(_run(result, data) for result in results)
    rates = tuple(dict.fromkeys(run.learning_rate for run in runs))
    epochs = settings.train.epochs_of(len(data.train), 1)

    def validation(rate: float) -> float:
        return fmean(run.validation_loss for run in runs if run.learning_rate == rate)

    record = RankRecord(
        rank=rank,
        learning_rates=rates,
        learning_rate=min(sorted(rates), key=validation),
        trainable_parameters=size.trainable,
        total_parameters=size.total,
        steps=settings.train.steps_of(len(data.train)) * epochs,
        operations=epochs * epoch_operations(arm.model.config, arm.config, data.train),
        runs=runs,
    )
    picked = [r for r in results if r.run.learning_rate == record.learning_rate]
    return TunedRank(record, adapters_of(arm, picked), checkpoints)


def _run(result: RunResult, data: Prepared) -> PairRun:
    best = next(point for point in result.validation if point.epoch == result.best_epoch)
    accuracy, loss = PackedCausalLM.objective.evaluate(result.test_logits, data.test.labels)
    return PairRun(
        seed=result.run.seed,
        learning_rate=result.run.learning_rate,
        best_epoch=result.best_epoch,
        validation_loss=best.loss,
        test_loss=loss,
        test_token_accuracy=accuracy,
        test_pair_losses=tuple(round(x, 4) for x in result.test_logits[:, 0].tolist()),
        loss_steps=result.loss_steps,
        loss_values=result.loss_values,
        validation=result.validation,
    )
