"""`methods/metrics/comparison.json`: every method beside full fine-tuning and head only.

name, label             of the method; where it has no place in the model, `reason` and nothing else
trainable_parameters    head included; trainable_share: of base, head and what the method adds
added_parameters        those of them that the base and its head do not have
storage_bytes           of what is saved of one task beside the base
base_bytes              of the frozen base while it trains, in the dtype it is held in
optimizer_state_bytes   AdamW's two moments in fp32
flops_per_token, training_flops, inference_flops_per_token
                        as in metrics/cost.json (`study.studies.methods.comparison.operations`),
                        inference unmerged
mergeable               tried (`study.studies.methods.comparison.merging`): the `merge_difference`
                        or the `merge_reason`. None for full fine-tuning and head only
learning_rate           that was used: the only one, or of several the one that validation picked
rates                   every rate that was tried, with its mean validation accuracy
test_accuracy, low, high    mean over seeds, with its interval; of another metric test_ and its name
of_full                 share of full fine-tuning's accuracy that is kept, with its interval
                        (`study.studies.methods.comparison.quality.kept`). None for full fine-tuning
to_full, to_lora        difference of accuracy, paired over seeds and sentences, with its interval.
                        None for the arm itself, and where there is no plain LoRA

Beside `methods`, whose rows these are: `linear_probe` (`study.studies.methods.comparison.probe`),
`claims` of the write-ups, with verdicts (`study.studies.methods.comparison.claims`), and what the
study was.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from study.analyses.cost.merging import TOLERANCE
from study.analyses.cost.passes import longest
from study.analyses.cost.plain import load_plain, padded_batches
from study.analyses.cost.record import operations, optimizer_state, score, size, storage
from study.batches.collating import Inputs
from study.entry.errors import StudyError
from study.probes.record import read_probe
from study.records.arm_names import FULL, HEAD_ONLY
from study.records.json_file import read_json
from study.records.prepared import Prepared
from study.records.runs import ArmRecord, read_arm
from study.studies.methods.comparison.claims import Case, claims
from study.studies.methods.comparison.merging import merging
from study.studies.methods.comparison.names import label
from study.studies.methods.comparison.operations import operations_of
from study.studies.methods.comparison.probe import probe_row
from study.studies.methods.comparison.quality import difference, kept, rates
from study.studies.methods.comparison.rows import arms
from study.studies.methods.training.quantised import quantise, weight_bytes
from study.training.machine import compute_dtype
from study.words.arms import PROBE
from study.words.scores import measure_of

if TYPE_CHECKING:
    from study.studies.methods.settings import MethodsStudy

Records = Mapping[str, ArmRecord]


def comparison(settings: MethodsStudy, data: Prepared, root: Path) -> dict[str, Any]:
    """Return the record.

    Args:
        root: of the study: holds methods/metrics/runs/, data/methods/, metrics/runs/, data/full/
            and metrics/linear_probe.json.

    Raises:
        StudyError: a file is missing or does not belong to the others, or merging changed outputs.
    """
    names = names_of(settings)
    reasons = {name: _reason(root, name) for name in names}
    records = {FULL: read_arm(root / "metrics/runs/full.json")}
    records[HEAD_ONLY] = read_arm(root / "metrics/runs/head_only.json")
    for name in names:
        if reasons[name] is None:
            records[name] = read_arm(_path(root, name))
    _check(records, settings, root)
    probe = read_probe(root / "metrics/linear_probe.json", records[FULL])
    model = load_plain(settings.model.name, data, torch.float32)
    (inputs,) = padded_batches(
        data.test.first(settings.train.batch_size), settings.train.batch_size, data.pad_token_id
    )
    rows = []
    for name in (FULL, HEAD_ONLY, *names):
        row: dict[str, Any] = {"name": name, "label": label(name)}
        if name in records:
            rows.append(row | _row(name, records, settings, data, root, model, inputs))
        else:
            rows.append(row | {"reason": reasons[name]})
    confidence = settings.statistics.confidence
    base_bytes = _base_bytes(HEAD_ONLY, settings, model)
    return {
        "methods": rows,
        PROBE: probe_row(probe, records, settings, data, base_bytes),
        "claims": claims(Case(rows, records, round(1 - confidence, 12))),
        "seeds": sorted(settings.seeds),
        "test_sentences": len(data.test),
        "train_sentences": len(data.train),
        "rank": settings.methods.rank,
        "merge_tolerance": TOLERANCE,
        "confidence": confidence,
    }


def metrics(record: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Return what `dvc metrics` shows and compares, by method."""
    trained = [row for row in arms(record) if "reason" not in row]
    score = f"test_{measure_of(trained[0]).name}"
    keys = (score, "low", "high", "trainable_parameters", "storage_bytes")
    return {row["name"]: {key: row[key] for key in keys} for row in trained}


def names_of(settings: MethodsStudy) -> tuple[str, ...]:
    """Return the methods of the comparison, LoRA and its variants first."""
    return settings.methods.lora_variants + settings.methods.others


def _path(root: Path, name: str) -> Path:
    return root / f"methods/metrics/runs/{name}.json"


def _reason(root: Path, name: str) -> str | None:
    """Return why a method was not trained, or None."""
    value = read_json(_path(root, name))
    reason = value.get("reason") if isinstance(value, dict) else None
    return reason if isinstance(reason, str) else None


def _check(records: Records, settings: MethodsStudy, root: Path) -> None:
    """Hold the records against each other: every comparison is paired."""
    for name, record in records.items():
        path = root / f"metrics/runs/{name}.json" if name in (FULL, HEAD_ONLY) else None
        where = path or _path(root, name)
        again = f"run `dvc repro methods/dvc.yaml`, or of the root pipeline the stage {name}"
        seeds = [run.seed for run in record.picked()]
        if record.arm != name:
            raise StudyError(f"{where}: holds arm {record.arm}, wanted is {name}; {again}")
        if seeds != sorted(settings.seeds):
            raise StudyError(
                f"{where}: seeds {seeds}, but the settings' are {settings.seeds}; {again}"
            )
        if record.test_labels != records[FULL].test_labels:
            raise StudyError(f"{where}: other test sentences than metrics/runs/full.json; {again}")


def _row(
    name: str,
    records: Records,
    settings: MethodsStudy,
    data: Prepared,
    root: Path,
    model: PreTrainedModel,
    inputs: Inputs,
) -> dict[str, Any]:
    record, seed = records[name], settings.seeds[0]
    beside = name in (FULL, HEAD_ONLY)
    folder = root / f"data/methods/{name}/s{seed}"
    row = size(record) | {"added_parameters": record.adapter_parameters}
    row["storage_bytes"] = storage(record, root, seed) if beside else _bytes(folder)
    row["base_bytes"] = _base_bytes(name, settings, model)
    row["optimizer_state_bytes"] = optimizer_state(record)
    head_only = name == HEAD_ONLY
    own = settings.train.epochs_of(len(data.train), data.num_labels)
    epochs = settings.head_only.epochs if head_only else own
    lengths: Tensor = data.train.lengths.double()
    passes = longest(lengths, settings.train.batch_size, data.batching)
    row |= operations(*operations_of(name, settings, data), lengths, epochs, record.arm, passes)
    unmerged: dict[str, Any] = {"mergeable": None}
    row |= unmerged if beside else merging(name, settings.methods, model, inputs, folder)
    row |= {"learning_rate": record.learning_rate, "rates": rates(record)}
    row |= score(record, settings)
    confidence = settings.statistics.confidence
    row["of_full"] = None if name == FULL else kept(record, records[FULL], confidence)
    for key, other in (("to_full", FULL), ("to_lora", "lora")):
        known = other in records and other != name
        row[key] = difference(record, records[other], confidence) if known else None
    return row


def _bytes(folder: Path) -> int:
    if not folder.is_dir():
        raise StudyError(f"{folder}: no such folder; run `dvc repro methods/dvc.yaml`")
    return sum(path.stat().st_size for path in folder.iterdir())


def _base_bytes(name: str, settings: MethodsStudy, model: PreTrainedModel) -> int:
    """Return the bytes of the base's weights while it trains; full fine-tuning's are fp32."""
    dtype = torch.float32 if name == FULL else compute_dtype(settings.train)
    held = copy.deepcopy(model).to(dtype)
    if name == "qlora":
        quantise(held)
    return weight_bytes(held)
