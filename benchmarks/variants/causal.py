"""A LoRA step of instruct's language model: this project's trainer, and Trainer with PEFT."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from benchmarks.clock import Channel, Clock
from benchmarks.job import Job
from benchmarks.pairs import BATCH, STUDY, load_pairs
from lora.config import LoRAConfig
from study.records.prepared import Prepared, Split
from study.settings.train import TrainSettings
from study.studies.instruct.settings import whole
from study.training.machine import compute_dtype, device

RANK, ALPHA, TARGETS = 8, 16.0, ("q_proj", "v_proj")
_RATE = 0.003  # the first that instruct's ranks try
_IGNORED = -100  # the label of a token that no loss is taken of


def run(job: Job, channel: Channel, started: float) -> dict[str, Any]:
    """Train the job's run; see `Clock` for the waits."""
    settings = whole.load(STUDY / "params.yaml")
    train = replace(
        settings.train,
        batch_size=BATCH,
        epochs=1,
        gradient_accumulation_steps=1,
        activation_checkpointing=False,
        **job.train,
    )
    assert job.sample is not None
    data = load_pairs(job.pairs, job.sample)
    used = device(train)
    synchronize = torch.cuda.synchronize if used.type == "cuda" else _nothing
    clock = Clock(channel, started, job.warmup, train.steps_of(len(data.train)), synchronize)
    trains = _ours if job.kind == "ours" else _trainer
    trains(job, settings.model.name, train, data, clock)
    return clock.result()


def _ours(job: Job, name: str, settings: TrainSettings, data: Prepared, clock: Clock) -> None:
    from benchmarks.variants.ours import TimedProgress
    from study.arms.lora import train_lora
    from study.models.causal import PackedCausalLM, load_causal_for
    from study.training.loop import Run

    used = device(settings)
    model = load_causal_for(data, name, compute_dtype(settings), device=used)
    runs = [Run("lora", RANK, _RATE, seed) for seed in job.seeds]
    config = LoRAConfig(RANK, ALPHA, TARGETS, task_type="CAUSAL_LM")
    train_lora(
        *(model, [config] * len(runs), runs, data, settings, used, TimedProgress(clock)),
        pack=PackedCausalLM,
    )


def _trainer(job: Job, name: str, settings: TrainSettings, data: Prepared, clock: Clock) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, Trainer, TrainingArguments

    from benchmarks.variants.trainer import _Turns, chosen_arguments
    from study.models import pretrained

    model: Any = pretrained.load(
        *(AutoModelForCausalLM, "a causal language model", name, torch.float32, 0.0, None),
        pad_token_id=data.pad_token_id,
    )
    model.config.use_cache = False
    adapter = LoraConfig(
        task_type="CAUSAL_LM", r=RANK, lora_alpha=ALPHA, target_modules=list(TARGETS)
    )
    model = get_peft_model(model, adapter)
    given = chosen_arguments(settings, _RATE, 1, job, device(settings).type == "cuda")
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            model=model,
            args=TrainingArguments(output_dir=folder, **given | {"eval_strategy": "no"}),
            train_dataset=examples(data.train),
            data_collator=lambda rows: collated(rows, data.pad_token_id),
            callbacks=[_Turns(clock, job.sample, model)],
        )
        trainer.train()


def examples(split: Split) -> list[dict[str, Any]]:
    """Return pairs as tokenised sentences, with labels for the responses alone."""
    found = []
    rows = split.input_ids.split(split.lengths.tolist())
    for ids, count in zip(rows, split.labels.tolist(), strict=True):
        prompt = len(ids) - count
        labels = [_IGNORED] * prompt + ids[prompt:].tolist()
        found.append({"input_ids": ids.tolist(), "labels": labels})
    return found


def collated(rows: Sequence[dict[str, Any]], pad: int) -> dict[str, Tensor]:
    """Pad a batch on the right to its longest, as transformers' collators do."""
    longest = max(len(row["input_ids"]) for row in rows)

    def padded(key: str, value: int) -> Tensor:
        return torch.tensor([row[key] + [value] * (longest - len(row[key])) for row in rows])

    mask = [[1] * len(row["input_ids"]) + [0] * (longest - len(row["input_ids"])) for row in rows]
    return {
        "input_ids": padded("input_ids", pad),
        "labels": padded("labels", _IGNORED),
        "attention_mask": torch.tensor(mask),
    }


def _nothing() -> None:
    pass
