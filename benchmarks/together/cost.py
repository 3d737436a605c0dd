"""What the costs of steps say: speed against the device's peaks, and the study's whole time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from functools import cache
from typing import Any

from transformers import AutoConfig

from benchmarks import rows, study_cost
from benchmarks.interleave import Measured
from benchmarks.together.timer import Chunks, Cost
from benchmarks.together.training import first_runs
from study.analyses.operations.flops import training_flops
from study.arms import lora as lora_arm
from study.records.arm_names import LORA
from study.records.prepared import Prepared
from study.settings.whole import Settings
from study.sources.resolve import resolve_model


def figures(
    settings: Settings,
    data: Prepared,
    costs: Mapping[int, Cost],
    chunks: Chunks,
    peaks: Mapping[str, float],
) -> list[dict[str, Any]]:
    """Return the figures of every number of runs; real tokens alone count."""
    lora = settings.lora
    config = AutoConfig.from_pretrained(resolve_model(settings.model.name))
    batch = settings.train.batch_size
    lengths = data.train.lengths[: chunks.total * batch].double()
    tokens = float(lengths.sum()) / chunks.total
    squares = float(lengths.square().sum()) / chunks.total

    @cache
    def step_flops(rank: int) -> float:
        adapter = lora_arm.config_of(lora, rank, settings.model.name)
        counted = training_flops(config, data.num_labels, LORA, adapter)
        return counted.of(batch, tokens, squares)

    found = []
    for count, cost in costs.items():
        ranks = [run.rank or 0 for run in first_runs(settings, count)]
        flops = sum(step_flops(rank) for rank in ranks)
        seconds = cost.seconds
        found.append(
            {
                "runs": count,
                **asdict(cost),
                "seconds": seconds,
                "ratio_to_one": seconds / costs[1].seconds,
                "real_tokens_per_second": count * tokens / seconds,
                "bf16_peak_share": flops / seconds / (1e9 * peaks["bf16_gflops"]),
                "copy_share": cost.traffic / seconds / (1e9 * peaks["copy_gigabytes_per_second"]),
            }
        )
    return found


def study(
    settings: Settings, data: Prepared, costs: Mapping[int, Cost], beside: Mapping[str, Any]
) -> dict[str, Any]:
    """Reckon the study's list of runs up, LoRA's in groups as large as fit, against Trainer.

    Args:
        beside: what `benchmarks.measure` found on the same device and data.
    """
    names = [field.name for field in fields(Measured)]
    measured = {
        name: Measured(**{key: variant[key] for key in names})
        for name, variant in beside["variants"].items()
    }
    per_epoch = -(-len(data.train) // settings.train.batch_size)
    sizes = study_cost.Sizes(per_epoch, len(data.validation), len(data.test))
    listed = study_cost.stages(settings, 1, len(data.train), data.num_labels)
    epochs = settings.train.epochs_of(len(data.train), data.num_labels)
    arms = ("lora", "full", "head_only")
    theirs = {n: {arm: measured[f"{arm} {n}"] for arm in arms} for n in rows.BASELINES}
    ours = {arm: measured[f"{arm} ours"] for arm in arms}
    others = [stage for stage in listed if stage.arm != "lora"]
    runs = sum(sum(stage.groups) for stage in listed if stage.arm == "lora")
    groups = [min(max(costs), runs - at) for at in range(0, runs, max(costs))]
    rounds = range(max(len(took.rounds) for took in measured.values()))

    def our_seconds(round_: int) -> float:
        alone = ours["lora"]
        total = sum(study_cost.our_seconds(s, ours, alone, sizes, round_) for s in others)
        total += sum(group_seconds(epochs, costs, sizes, group, round_) for group in groups)
        return total + alone.start

    made = rows.row(
        "the study's list of runs, LoRA's together, scaled from sampled steps",
        [our_seconds(i) for i in rounds],
        {
            name: [
                sum(study_cost.trainer_seconds(s, theirs[name], sizes, i) for s in listed)
                for i in rounds
            ]
            for name in rows.BASELINES
        },
    )
    return made | {"lora_groups": groups}


def group_seconds(
    epochs: int,
    costs: Mapping[int, Cost],
    sizes: study_cost.Sizes,
    count: int,
    round_: int,
) -> float:
    """Return what all epochs of a group take; it lies on the line between its neighbours."""

    def one(cost: Cost) -> float:
        step = cost.rounds[round_ % len(cost.rounds)]
        epoch = sizes.steps_per_epoch * step + cost.validation
        return epochs * epoch + cost.test

    low = max(c for c in costs if c <= count)
    high = min(c for c in costs if c >= count)
    share = 0.0 if low == high else (count - low) / (high - low)
    return (1 - share) * one(costs[low]) + share * one(costs[high])
