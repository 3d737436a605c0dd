"""What anybody computes from what a study leaves: with transformers and PEFT, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

from checks.chains.toy import MODEL, RANKS
from study.records import prepared
from study.records.json_file import read_json
from study.records.logits import read_logits
from study.records.prepared import Split


def classifiers(folder: Path) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield (plain, recorded) logits of every adapter, and those of the merged model and its own.

    Args:
        folder: of a main study that has run.
    """
    data = prepared.load(folder / "data/prepared")

    def logits(model: Any) -> Tensor:
        return _logits(model, data.test, data.pad_token_id)

    def adapted(adapter: Path) -> Tensor:
        base = AutoModelForSequenceClassification.from_pretrained(
            folder / MODEL, num_labels=data.num_labels, ignore_mismatched_sizes=True
        )
        return logits(PeftModel.from_pretrained(base, adapter))

    for rank in RANKS:
        recorded = read_logits(folder / f"metrics/logits/lora-r{rank}.safetensors").test
        for seed, own in recorded.items():
            yield adapted(folder / f"data/adapters/r{rank}/s{seed}"), torch.from_numpy(own)
    merged = AutoModelForSequenceClassification.from_pretrained(folder / "data/selected/merged")
    yield logits(merged), adapted(folder / "data/selected/adapter")


def language_models(folder: Path) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield (plain, recorded) mean loss of the held-out responses, of every adapter.

    Args:
        folder: of a study of instruction tuning that has run.
    """
    data = prepared.load(folder / "data/prepared")
    for rank in RANKS:
        record = read_json(folder / f"ranks/rank_{rank}/run_data.json")
        for run in record["runs"]:
            if run["learning_rate"] != record["learning_rate"]:
                continue
            adapter = folder / f"data/adapters/r{rank}/s{run['seed']}"
            base = AutoModelForCausalLM.from_pretrained(folder / MODEL)
            model = PeftModel.from_pretrained(base, adapter)
            logits = _logits(model, data.test, data.pad_token_id)
            yield _loss(logits, data.test), torch.tensor(run["test_loss"])


@torch.no_grad()
def _logits(model: Any, split: Split, pad: int) -> Tensor:
    """Return the logits of a split's sentences, in one batch that is padded on the right."""
    rows = split.input_ids.long().split(split.lengths.tolist())
    ids = pad_sequence(list(rows), batch_first=True, padding_value=pad)
    mask = torch.arange(ids.shape[1]) < split.lengths[:, None]
    model = model.float().eval()
    logits: Tensor = model(input_ids=ids, attention_mask=mask.long()).logits
    return logits


def _loss(logits: Tensor, split: Split) -> Tensor:
    """Return the mean loss of every sentence's last `labels` tokens."""
    rows = split.input_ids.long().split(split.lengths.tolist())
    losses = []
    for own, ids, count in zip(logits, rows, split.labels.tolist(), strict=True):
        before = own[len(ids) - count - 1 : len(ids) - 1]
        losses.append(F.cross_entropy(before.double(), ids[-count:], reduction="sum"))
    return torch.stack(losses).sum() / split.labels.sum()
