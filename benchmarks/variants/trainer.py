"""Hugging Face's Trainer with PEFT: as its documentation has it, and tuned by an expert.

Both get what the study does: the same model, sentences, batch size, schedule and, at each epoch's
end, an evaluation on the validation sentences, because the study picks epochs by it.
"""

from __future__ import annotations

import tempfile
from typing import Any

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    EvalPrediction,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from benchmarks.clock import Channel, Clock
from benchmarks.data import load_data
from benchmarks.job import Job
from benchmarks.settled import rates_of_full, rates_of_lora
from study.records.prepared import Prepared, Split
from study.settings import whole as study_settings
from study.settings.train import TrainSettings
from study.settings.whole import Settings
from study.sources.resolve import resolve_model
from study.training.machine import device

_DROPOUTS = ("hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout")


def run(job: Job, channel: Channel, started: float) -> dict[str, Any]:
    """Train one run; see `Clock` for the waits. The best epoch's adapter is left in the folder."""
    settings = study_settings.load()
    data = load_data(job.sentences)
    cuda = device(settings.train).type == "cuda"
    path = resolve_model(settings.model.name)
    model = build(settings, data, job.arm)
    given = arguments(settings, job, data, cuda)
    steps = -(-len(data.train) // settings.train.batch_size)
    synchronize = torch.cuda.synchronize if cuda else _nothing
    clock = Clock(channel, started, job.warmup, steps, synchronize)
    turns = _Turns(clock, job.sample, model)
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            model=model,
            args=TrainingArguments(output_dir=folder, **given),
            train_dataset=examples(data.train),
            eval_dataset=examples(data.validation, by_length=job.kind == "tuned"),
            data_collator=DataCollatorWithPadding(AutoTokenizer.from_pretrained(path)),
            compute_metrics=accuracy,
            callbacks=[turns],
        )
        trainer.train()
    if job.folder is not None:
        model.load_state_dict(turns.best, strict=False)
        model.save_pretrained(job.folder)
    return clock.result()


def build(settings: Settings, data: Prepared, arm: str) -> Any:
    """Load the fp32 model and freeze or adapt what the arm says."""
    path = resolve_model(settings.model.name)
    config = AutoConfig.from_pretrained(path, num_labels=data.num_labels)
    for key in _DROPOUTS:
        if hasattr(config, key):
            setattr(config, key, settings.model.dropout)
    model = AutoModelForSequenceClassification.from_pretrained(
        path, config=config, dtype=torch.float32
    )
    if arm == "head_only":
        model.base_model.requires_grad_(False)
    if arm != "lora":
        return model
    lora = settings.lora
    scale = lora.rank if lora.scaling == "proportional" else 1
    return get_peft_model(
        model,
        LoraConfig(
            task_type="SEQ_CLS",
            r=lora.rank,
            lora_alpha=lora.alpha * scale,
            lora_dropout=lora.dropout,
            target_modules=list(lora.target_modules),
            layers_to_transform=None if lora.layers is None else list(lora.layers),
            use_rslora=lora.scaling == "rslora",
        ),
    )


def arguments(settings: Settings, job: Job, data: Prepared, cuda: bool) -> dict[str, Any]:
    """Return what TrainingArguments is given: the study's own, then what an expert adds."""
    train = settings.train
    rates = {"lora": rates_of_lora, "full": rates_of_full}
    own = rates[job.arm](settings) if job.arm in rates else settings.head_only.learning_rates
    epochs = train.epochs_of(len(data.train), data.num_labels)
    return chosen_arguments(train, own[0], epochs, job, cuda)


def chosen_arguments(
    train: TrainSettings, rate: float, epochs: int, job: Job, cuda: bool
) -> dict[str, Any]:
    """Return what TrainingArguments is given, by a learning rate and a number of epochs."""
    common: dict[str, Any] = {
        "learning_rate": rate,
        "per_device_train_batch_size": train.batch_size,
        "per_device_eval_batch_size": train.batch_size,
        "num_train_epochs": epochs,
        "warmup_steps": train.warmup_share,
        "weight_decay": train.weight_decay,
        "max_grad_norm": train.max_grad_norm,
        "eval_strategy": "epoch",
        "seed": job.seeds[0],
        "use_cpu": not cuda,
    }
    if job.kind == "default":
        return common
    return common | {
        "bf16": True,
        "train_sampling_strategy": "group_by_length",
        "optim": "adamw_torch_fused",
        "save_strategy": "no",
        "logging_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
        "dataloader_pin_memory": cuda,
        "dataloader_num_workers": 2 if cuda else 0,  # on a CPU they take cores from training
        "dataloader_persistent_workers": cuda,
    }


def examples(split: Split, by_length: bool = False) -> list[dict[str, Any]]:
    """Return a split as the tokenised sentences that a data collator takes.

    Args:
        by_length: sort them, so that evaluation pads little: Trainer groups in training alone.
    """
    sentences = split.input_ids.split(split.lengths.tolist())
    found: list[dict[str, Any]] = [
        {"input_ids": ids.tolist(), "attention_mask": [1] * len(ids), "labels": label}
        for ids, label in zip(sentences, split.labels.tolist(), strict=True)
    ]
    if split.token_types is not None:
        every = split.token_types.split(split.lengths.tolist())
        for example, types in zip(found, every, strict=True):
            example["token_type_ids"] = types.tolist()
    return sorted(found, key=lambda example: len(example["input_ids"])) if by_length else found


def accuracy(prediction: EvalPrediction) -> dict[str, float]:
    """Return the share of right answers, as every tutorial does."""
    return {
        "accuracy": float((np.argmax(prediction.predictions, -1) == prediction.label_ids).mean())
    }


class _Turns(TrainerCallback):
    """Hands Trainer's turns to the clock, stops it after a sample, and keeps the best epoch.

    That is the one which the study keeps: see `study.models.objective.Classification`.
    """

    def __init__(self, clock: Clock, sample: int | None, model: Any) -> None:
        self._clock, self._sample, self._model = clock, sample, model
        self._score = (-1.0, 0.0)
        self.best: dict[str, Tensor] = {}

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._clock.begin()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        enough = self._sample is not None and state.global_step >= self._sample
        control.should_training_stop |= enough
        self._clock.step(last=enough)

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any, **_: Any) -> None:
        self._clock.validated()
        score = (metrics["eval_accuracy"], -metrics["eval_loss"])
        if score > self._score:
            self._score = score
            trained = ((n, p) for n, p in self._model.named_parameters() if p.requires_grad)
            self.best = {name: p.detach().clone() for name, p in trained}


def _nothing() -> None:
    pass
