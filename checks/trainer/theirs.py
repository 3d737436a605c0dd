"""The other side: Hugging Face's Trainer, with PEFT for LoRA, as their documentation has them.

It is given the study's token ids, the head and the factors that the study's runs begin with, and
the order of its batches, which are drawn by no rule of Trainer's. All else is its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model, set_peft_model_state_dict
from safetensors.torch import load_file
from torch import Tensor
from torch.utils.data import Sampler
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    EvalPrediction,
    PrinterCallback,
    Trainer,
    TrainingArguments,
)

from checks.trainer import measures
from checks.trainer.ours import ALPHA, LORA, RANK, SEED, START, TARGETS, Sizes, Trained
from checks.trainer.tasks import Task
from study.batches.packing import epoch_order
from study.records.prepared import Prepared, Split
from study.settings.whole import Settings

_PREFIX = "base_model.model."


def train(
    folder: Path, task: Task, arm: str, data: Prepared, settings: Settings, sizes: Sizes, path: str
) -> Trained:
    """Train what the study trained.

    Args:
        folder: of the study, where `save_start` has left what training begins with.
        settings: of the study.
        path: of the model.
    """
    given = settings.train
    steps = sizes.epochs * given.steps_of(sizes.train)
    trainer = _Trainer(
        model=_model(folder, arm, data, path),
        args=TrainingArguments(
            output_dir=str(folder / f"trainer-{arm}"),
            learning_rate=sizes.rate(arm),
            per_device_train_batch_size=given.batch_size,
            per_device_eval_batch_size=64,
            num_train_epochs=sizes.epochs,
            warmup_steps=math.ceil(given.warmup_share * steps),
            weight_decay=given.weight_decay,
            max_grad_norm=given.max_grad_norm,
            eval_strategy="epoch",
            save_strategy="epoch",
            save_total_limit=1,
            save_only_model=True,
            load_best_model_at_end=True,
            metric_for_best_model=task.metric,
            greater_is_better=measures.HIGHER[task.metric],
            logging_strategy="no",
            disable_tqdm=True,
            report_to=[],
            use_cpu=True,
            seed=SEED,
        ),
        train_dataset=_examples(data.train),
        eval_dataset=_examples(data.validation),
        data_collator=DataCollatorWithPadding(AutoTokenizer.from_pretrained(path)),
        compute_metrics=_Scored(task.metric),
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    logits = trainer.predict(_examples(data.test)).predictions
    best = trainer.state.best_global_step // given.steps_of(sizes.train)
    return Trained(tuple(trainer.losses), logits, best)


class _Trainer(Trainer):
    """Keeps the loss of every step, and takes the study's order of sentences."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.losses: list[float] = []

    def training_step(self, *args: Any, **named: Any) -> Tensor:
        """Take a step."""
        loss: Tensor = super().training_step(*args, **named)
        self.losses.append(loss.item())
        return loss

    def _get_train_sampler(self, train_dataset: Any = None) -> _Order:
        return _Order(len(self.train_dataset))


class _Order(Sampler[int]):
    """The study's order of the training sentences, epoch by epoch."""

    def __init__(self, sentences: int) -> None:
        self._sentences, self._epoch = sentences, 0

    def __len__(self) -> int:
        return self._sentences

    def set_epoch(self, epoch: int) -> None:
        """Trainer counts from 0."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[int]:
        return iter(epoch_order(self._sentences, SEED, self._epoch + 1).tolist())


@dataclass(frozen=True)
class _Scored:
    """Measures validation, as `compute_metrics`."""

    metric: str

    def __call__(self, prediction: EvalPrediction) -> dict[str, float]:
        return {
            self.metric: measures.value(self.metric, prediction.predictions, prediction.label_ids)
        }


def _model(folder: Path, arm: str, data: Prepared, path: str) -> Any:
    start = load_file(folder / START / "adapter_model.safetensors")
    model = AutoModelForSequenceClassification.from_pretrained(
        path,
        num_labels=data.num_labels,
        dtype=torch.float32,
        problem_type=None if data.label_names else "regression",
        ignore_mismatched_sizes=True,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    if arm != LORA:
        head = {n.removeprefix(_PREFIX): t for n, t in start.items() if "lora_" not in n}
        model.load_state_dict(head, strict=False)
        return model
    config = LoraConfig(task_type="SEQ_CLS", r=RANK, lora_alpha=ALPHA, target_modules=list(TARGETS))
    model = get_peft_model(model, config)
    set_peft_model_state_dict(model, start)
    return model


def _examples(split: Split) -> list[dict[str, Any]]:
    """Return a split as the tokenised sentences that a data collator takes."""
    lengths = split.lengths.tolist()
    found = [
        {"input_ids": ids.tolist(), "attention_mask": [1] * len(ids), "labels": label}
        for ids, label in zip(split.input_ids.split(lengths), split.labels.tolist(), strict=True)
    ]
    if split.token_types is not None:
        for example, types in zip(found, split.token_types.split(lengths), strict=True):
            example["token_type_ids"] = types.tolist()
    return found
