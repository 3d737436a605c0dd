"""The whole measurement, from the settings to what is written."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from transformers import AutoConfig

from benchmarks import pairs, plan, rows, study_cost
from benchmarks.child import Child, whole
from benchmarks.data import load_data
from benchmarks.interleave import Measured, interleave
from benchmarks.job import Job
from benchmarks.plan import Plan
from study.analyses.operations.flops import Flops, training_flops
from study.arms import arm as arms
from study.arms import lora as lora_arm
from study.records.arm_names import FULL, HEAD_ONLY, LORA
from study.records.prepared import Prepared
from study.settings.whole import Settings
from study.sources.resolve import display_name, resolve_model


def measure(settings: Settings, sentences: int | None, quick: bool) -> dict[str, Any]:
    """Measure everything; return what the result file holds.

    Args:
        sentences: the most of each split, None for all.
        quick: as few steps as show that all works.

    Raises:
        StudyError: there are no prepared data, or a child failed.
    """
    train = settings.train
    data = load_data(sentences)
    per_epoch = -(-len(data.train) // train.batch_size)
    chosen = plan.make(
        per_epoch, train.epochs_of(len(data.train), data.num_labels), sentences, quick
    )
    config = AutoConfig.from_pretrained(resolve_model(settings.model.name))
    lora = settings.lora
    adapter = lora_arm.config_of(lora, lora.rank, settings.model.name)
    flops = {
        arm: training_flops(config, data.num_labels, arm, adapter if arm == LORA else None)
        for arm in (HEAD_ONLY, LORA, FULL)
    }
    peak = Child(Job("peak", sentences=1 if quick else None))
    try:
        peak.hear()
        measured, peaks, accuracy = _lora(settings, chosen, peak)
        measured |= _full(settings, chosen)
        measured |= _head_only(settings, chosen)
        causal = _causal(settings, quick)
        machine = peak.finish()["machine"]
    finally:
        peak.stop()
    say("profile")
    profiled = whole(_job("profile", "lora", settings.seeds[:1], chosen, chosen.profiled))
    machine["versions"] |= {name: version(name) for name in ("peft", "accelerate")}
    sizes = study_cost.Sizes(per_epoch, len(data.validation), len(data.test))
    fit = arms.runs_that_fit(config, data, train)
    variants = {
        name: _variant(took, flops[took.arm], data, per_epoch, peaks)
        for name, took in measured.items()
    }
    variants |= {
        name: asdict(took) | {"seconds": took.seconds, "start": took.start}
        for name, took in causal.items()
    }
    return {
        "machine": machine,
        "settings": {
            "model": display_name(settings.model.name),
            "sentences": {
                name: len(getattr(data, name)) for name in ("train", "validation", "test")
            },
            "tokens_per_sentence": float(data.train.lengths.double().mean()),
            "batch_size": train.batch_size,
            "rank": lora.rank,
            "seeds": list(settings.seeds),
        },
        "plan": asdict(chosen),
        "peak_gflops": {
            name: {
                "median": median(p[name] for p in peaks),
                "best": max(p[name] for p in peaks),
                "rounds": [p[name] for p in peaks],
            }
            for name in ("fp32", "bf16")
        },
        "bf16_peak_share": variants["lora ours together"]["bf16_peak_share"],
        "rows": rows.all_rows(
            measured, study_cost.stages(settings, fit, len(data.train), data.num_labels), sizes
        )
        | rows.causal_rows(causal),
        "variants": variants,
        "accuracy": accuracy,
        "profile": profiled["profile"],
    }


def say(what: str) -> None:
    """Tell the user what is measured now."""
    print(f"measuring: {what}", flush=True)


def _job(
    kind: str, arm: str, seeds: tuple[int, ...], chosen: Plan, sample: int | None, **more: Any
) -> Job:
    return Job(kind, arm, seeds, sample=sample, sentences=chosen.sentences, **more)


def _lora(
    settings: Settings, chosen: Plan, peak: Child
) -> tuple[dict[str, Measured], list[dict[str, float]], dict[str, Any]]:
    """LoRA to the end of training: times, peaks, and the accuracy of what was trained."""
    one, warmup = settings.seeds[:1], chosen.warmup
    with tempfile.TemporaryDirectory() as folder:
        jobs = {
            f"lora {kind}": _job(
                kind, "lora", one, chosen, None, warmup=warmup, folder=str(Path(folder, kind))
            )
            for kind in ("default", "tuned", "ours")
        }
        jobs["lora ours together"] = _job(
            "ours", "lora", settings.seeds, chosen, None, warmup=warmup
        )
        say("LoRA, to the end of training")
        measured, peaks = interleave(jobs, chosen.lora_rounds, chosen.lora_steps, peak)
        say("accuracy")
        scored = whole(Job("score", sentences=chosen.sentences, folder=folder))
    return measured, peaks, {k: scored[k] for k in ("sentences", "accuracy", "same_as_default")}


def _full(settings: Settings, chosen: Plan) -> dict[str, Measured]:
    say("full fine-tuning")
    jobs = {
        f"full {kind}": _job(
            kind, "full", settings.seeds[:1], chosen, chosen.sample, warmup=chosen.warmup
        )
        for kind in ("default", "tuned", "ours")
    }
    return interleave(jobs, chosen.other_rounds, chosen.other_steps)[0]


def _head_only(settings: Settings, chosen: Plan) -> dict[str, Measured]:
    """Trainer's steps, a frozen base in each; ours whole: features once, then every head."""
    say("the head alone")
    one = settings.seeds[:1]
    jobs = {
        f"head_only {kind}": _job(
            kind, "head_only", one, chosen, chosen.sample, warmup=chosen.warmup
        )
        for kind in ("default", "tuned")
    }
    jobs["head_only ours"] = _job("ours", "head_only", settings.seeds, chosen, None)
    return interleave(jobs, chosen.other_rounds, chosen.other_steps)[0]


def _causal(settings: Settings, quick: bool) -> dict[str, Measured]:
    """LoRA steps of instruct's language model, where its pairs are there."""
    if not pairs.DATA.exists():
        say(f"no causal step: {pairs.DATA} is not there; `dvc repro instruct/dvc.yaml` makes it")
        return {}
    measured: dict[str, Measured] = {}
    warmup, rounds, steps = plan.CAUSAL_WARMUP, plan.CAUSAL_ROUNDS, plan.CAUSAL_STEPS
    if quick:
        warmup, rounds, steps = 1, 2, 1
    for row, kind in pairs.KINDS.items():
        say(f"causal LoRA steps: {row}")
        sample, one = warmup + rounds * steps, settings.seeds[:1]
        jobs = {
            f"{row} {who}": Job(who, "causal", one, warmup=warmup, sample=sample, pairs=kind)
            for who in ("default", "tuned", "ours")
        }
        measured |= interleave(jobs, rounds, steps)[0]
    return measured


def _variant(
    took: Measured,
    counted: Flops,
    data: Prepared,
    per_epoch: int,
    peaks: list[dict[str, float]],
) -> dict[str, Any]:
    """Return one variant's figures; a step's tokens are the mean over an epoch."""
    made = asdict(took) | {"seconds": took.seconds, "start": took.start}
    if (took.kind, took.arm) == ("ours", "head_only"):
        return made
    lengths = data.train.lengths.double()
    tokens = float(lengths.sum()) / per_epoch
    squares = float(lengths.square().sum()) / per_epoch
    flops = took.runs * counted.of(len(lengths) / per_epoch, tokens, squares)
    made["real_tokens_per_second"] = took.runs * tokens / took.seconds
    made["real_gflop_per_step"] = flops / 1e9
    for name in ("fp32", "bf16"):
        roofs = [p[name] * 1e9 for p in peaks]
        if len(roofs) != len(took.rounds):
            roofs = [median(roofs)] * len(took.rounds)
        shares = [flops / seconds / roof for seconds, roof in zip(took.rounds, roofs, strict=True)]
        made[f"{name}_peak_share"] = median(shares)
    return made
