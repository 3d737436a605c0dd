"""Scores trained adapters, whoever trained them, with one and the same code: PEFT in fp32."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from torch import Tensor
from transformers import AutoModelForSequenceClassification

from benchmarks.data import load_data
from benchmarks.job import Job
from study.batches.collating import padded
from study.batches.packing import by_length
from study.records.prepared import Prepared
from study.settings import whole as study_settings
from study.sources.resolve import resolve_model
from study.training.machine import device

_TOKENS = 2048  # a forward pass


def run(job: Job) -> dict[str, Any]:
    """Return the test accuracy of every adapter in a subfolder of the job's folder, by its name."""
    settings = study_settings.load()
    data, used = load_data(job.sentences), device(settings.train)
    path = resolve_model(settings.model.name)
    assert job.folder is not None
    predicted = {}
    for folder in sorted(Path(job.folder).iterdir()):
        model = AutoModelForSequenceClassification.from_pretrained(
            path, num_labels=data.num_labels, dtype=torch.float32
        )
        model = PeftModel.from_pretrained(model, folder).merge_and_unload().to(used).eval()
        predicted[folder.name] = predictions(model, data, used)
    return {
        "sentences": len(data.test),
        "accuracy": {
            name: float((found == data.test.labels).double().mean())
            for name, found in predicted.items()
        },
        "same_as_default": {
            name: float((found == predicted["default"]).double().mean())
            for name, found in predicted.items()
        },
    }


@torch.no_grad()
def predictions(model: Any, data: Prepared, used: torch.device) -> Tensor:
    """Return the predicted class (n,) of every test sentence, padded the ordinary way."""
    split = data.test
    found = torch.empty(len(split), dtype=torch.int64)
    for chosen in by_length(split, _TOKENS):
        batch = padded(split, chosen.tolist(), data.pad_token_id)
        inputs = {name: tensor.to(used) for name, tensor in batch.items()}
        found[chosen] = model(**inputs).logits.argmax(-1).cpu()
    return found
