"""`metrics/cost.json`: what each method costs, as far as it follows from the study without a clock.

trainable_parameters    adapter and head, or everything; share: of base, head and adapter
storage_bytes           of one task: the files of an adapter, the weights' file of a tuned model,
                        a head's numbers in fp32
optimizer_state_bytes   AdamW's two moments in fp32: 8 bytes a trainable parameter. (The study's
                        own full fine-tuning leaves out rows of the embedding that no sentence
                        uses, and with them their moments.) None of the linear probe
flops_per_token         of a training step (`study.analyses.operations.flops`, and
`study.analyses.cost.by_pass` for what a pass takes once), on the training sentences
training_flops          of a run as the study trains it, without evaluation. Head-only runs its
                        encoder once and then trains on what it gave. Of the linear probe both are
                        one pass of the encoder (`study.analyses.cost.probe`)
inference_flops_per_token    unmerged; merged it is the base's
mergeable               checked on a batch of test sentences: merged logits are the unmerged ones
                        within `merge_tolerance`, and unmerging gives the base back bit for bit.
                        None where there is nothing to merge
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from lora import peft_format
from study.analyses.cost.by_pass import ByPass, inference_by_pass, training_by_pass
from study.analyses.cost.merging import TOLERANCE, Merging, check_merging
from study.analyses.cost.passes import longest
from study.analyses.cost.plain import adapter_folder, load_plain, padded_batches
from study.analyses.cost.probe import probe_cost
from study.analyses.results.summary import score_of
from study.analyses.results.sweep import measure_in, scores
from study.arms import lora
from study.entry.errors import StudyError
from study.models.dequantised import read_config
from study.probes.record import read_probe
from study.records.arm_names import FULL, HEAD_ONLY, LORA
from study.records.prepared import Prepared
from study.records.runs import ArmRecord, read_arm
from study.training.machine import device

if TYPE_CHECKING:
    from study.settings.whole import Settings

_FP32 = 4  # bytes
_MOMENTS = 2  # of AdamW


def cost(settings: Settings, data: Prepared, root: str | Path = ".") -> dict[str, Any]:
    """Return the record.

    Args:
        root: of the study: holds metrics/runs/, metrics/linear_probe.json, data/adapters/ and
            data/full/.

    Raises:
        StudyError: a file is missing, an adapter does not fit the model, merging one fails, or as
            `study.probes.record.read_probe`.
    """
    root = Path(root)
    ranks = sorted(settings.lora.ranks)
    arms = [(HEAD_ONLY, None), *((LORA, rank) for rank in ranks), (FULL, None)]
    records = {(arm, rank): read_arm(_runs(root, arm, rank)) for arm, rank in arms}
    probe = read_probe(root / "metrics/linear_probe.json", records[HEAD_ONLY, None])
    flops = _flops(settings, data, ranks)
    merging = _merging(settings, data, root, ranks)
    lengths = data.train.lengths.double()
    confidence = settings.statistics.confidence
    passes = longest(lengths, settings.train.batch_size, data.batching)
    probed = probe_cost(probe, settings.model.name, lengths, passes, confidence)
    rows = []
    for (arm, rank), record in records.items():
        row = {"arm": arm, "rank": rank} | size(record)
        row["storage_bytes"] = storage(record, root, settings.seeds[0])
        row["optimizer_state_bytes"] = optimizer_state(record)
        row |= operations(*flops[arm, rank], lengths, _epochs(settings, arm, data), arm, passes)
        row["mergeable"] = None if rank is None else True  # else checking has raised
        row |= {"merge_difference": None if rank is None else merging[rank].difference}
        rows.append(row | score(record, settings))
        if arm == HEAD_ONLY:
            rows.append({"arm": probe.arm, "rank": None} | probed | {"merge_difference": None})
    return {
        "arms": rows,
        "train_sentences": len(lengths),
        "train_tokens": int(lengths.sum()),
        "merge_tolerance": TOLERANCE,
        "confidence": confidence,
    }


def _runs(root: Path, arm: str, rank: int | None) -> Path:
    return root / "metrics/runs" / (f"{arm}.json" if rank is None else f"{arm}-r{rank}.json")


def _flops(
    settings: Settings, data: Prepared, ranks: list[int]
) -> dict[tuple[str, int | None], tuple[ByPass, ByPass]]:
    """Return the operations of training and of inference of every arm."""
    config = read_config(settings.model.name)
    labels = data.num_labels
    plain = inference_by_pass(config, labels)
    found: dict[tuple[str, int | None], tuple[ByPass, ByPass]] = {
        (arm, None): (training_by_pass(config, labels, arm), plain) for arm in (HEAD_ONLY, FULL)
    }
    for rank in ranks:
        adapter = lora.config_of(settings.lora, rank, settings.model.name)
        trained = training_by_pass(config, labels, LORA, adapter)
        found[LORA, rank] = trained, inference_by_pass(config, labels, adapter)
    return found


def _merging(
    settings: Settings, data: Prepared, root: Path, ranks: list[int]
) -> dict[int, Merging]:
    """Check the first seed's adapter of every rank on one batch of test sentences, in fp32."""
    used = device(settings.train)
    model = load_plain(settings.model.name, data, torch.float32).to(used)
    size = settings.train.batch_size
    (batch,) = padded_batches(data.test.first(size), size, data.pad_token_id)
    inputs = {name: tensor.to(used) for name, tensor in batch.items()}
    found = {}
    for rank in ranks:
        folder = adapter_folder(root, rank, settings.seeds[0])
        adapter = peft_format.load(folder)
        found[rank] = check_merging(model, adapter, inputs, str(folder))
    return found


def size(record: ArmRecord) -> dict[str, Any]:
    """Return how much an arm trains, in numbers and as a share of all."""
    trained = record.trainable_parameters
    return {
        "trainable_parameters": trained,
        "trainable_share": trained / (record.total_parameters + record.adapter_parameters),
    }


def optimizer_state(record: ArmRecord) -> int:
    """Return the bytes of AdamW's moments."""
    return _FP32 * _MOMENTS * record.trainable_parameters


def storage(record: ArmRecord, root: Path, seed: int) -> int:
    """Return the bytes that one task takes beside the base model; of all seeds the same."""
    if record.arm == HEAD_ONLY:
        return _FP32 * record.head_parameters
    if record.arm == FULL:
        path = root / f"data/full/s{seed}/model.safetensors"
        if not path.is_file():
            raise StudyError(f"{path}: no such file; run `dvc repro full`")
        return path.stat().st_size
    assert record.rank is not None
    folder = adapter_folder(root, record.rank, seed)
    return sum(path.stat().st_size for path in folder.iterdir())


def _epochs(settings: Settings, arm: str, data: Prepared) -> int:
    if arm == HEAD_ONLY:
        return settings.head_only.epochs
    return settings.train.epochs_of(len(data.train), data.num_labels)


def operations(
    training: ByPass,
    inference: ByPass,
    lengths: Tensor,
    epochs: int,
    arm: str,
    passes: Sequence[float],
) -> dict[str, float]:
    """Return the operations of a token and of a run, for training sentences of these lengths.

    Args:
        passes: of an epoch, as `study.analyses.cost.passes.longest` gives them; inference takes
            the same.
    """
    sentences, tokens, squares = len(lengths), float(lengths.sum()), float(lengths.square().sum())
    epoch = training.of(sentences, tokens, squares, passes)
    whole = epochs * epoch
    if arm == HEAD_ONLY:  # all but the parts that read one vector a sentence runs once
        whole = epoch + (epochs - 1) * training.of(sentences, 0, 0)
    return {
        "flops_per_token": epoch / tokens,
        "training_flops": whole,
        "inference_flops_per_token": inference.of(sentences, tokens, squares, passes) / tokens,
    }


def score(record: ArmRecord, settings: Settings) -> dict[str, float]:
    """Return the score on test, mean over seeds, with the interval of `metrics/summary.json`."""
    return score_of(scores(record), measure_in(record), settings.statistics.confidence)
