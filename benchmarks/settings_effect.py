"""`python -m benchmarks.settings_effect`: what settings of training do to accuracy.

LoRA at `lora.rank` is trained with all seeds on the study's sentences under one setting after the
other, everything else as params.yaml has it, and each is held against plain training: the same
seeds, the same batches, the same test sentences. What the same settings do to memory and time is
`benchmarks.memory`'s. Early stopping has something to stop in three times the epochs only, so it is
held against those. A run that is stopped and started again goes on with the next setting.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np

import stages  # noqa: F401  # before torch loads: how every stage prepares its process
from benchmarks import memory
from benchmarks.__main__ import RESULTS, slug
from benchmarks.data import load_data
from benchmarks.peak import machine
from study.analyses.results.sweep import scores
from study.arms import arm
from study.arms.lora import LoraArm
from study.arms.rank import run_rank
from study.claims.paired import described
from study.entry import command
from study.records.json_file import write_json
from study.records.prepared import Prepared
from study.records.runs import ArmRecord
from study.settings import whole as study_settings
from study.settings.whole import Settings
from study.sources.resolve import display_name
from study.training.checkpoints import Checkpoints
from study.words import markdown
from study.words.phrases import listed

PLAIN, LONG = "plain", "three times the epochs"
_LONGER = 3
_NEUTRAL: Mapping[str, Mapping[str, Any]] = {
    "train": memory.NEUTRAL | {"schedule": "linear", "early_stopping": None, "early_exit": None},
    "lora": {"dropout": 0.0},
}


class Way(NamedTuple):
    """One setting.

    Attributes:
        changes: of plain training, by section.
        beside: what it is held against.
        longer: whether it trains three times the epochs.
    """

    changes: Mapping[str, Mapping[str, Any]]
    beside: str | None = PLAIN
    longer: bool = False


WAYS = {
    PLAIN: Way({}, None),
    "schedule: cosine": Way({"train": {"schedule": "cosine"}}),
    "schedule: constant": Way({"train": {"schedule": "constant"}}),
    "dropout of LoRA: 0.1": Way({"lora": {"dropout": 0.1}}),
    "precision: fp32": Way({"train": memory.WAYS["fp32"]}),
    "accumulation, 4 pieces": Way({"train": memory.WAYS["accumulation, 4 pieces"]}),
    "checkpointing": Way({"train": memory.WAYS["checkpointing"]}),
    LONG: Way({}, longer=True),
    "early stopping: 1, three times the epochs": Way(
        {"train": {"early_stopping": 1}}, LONG, longer=True
    ),
}
ON_GPU = {name: Way({"train": changes}) for name, changes in memory.ON_GPU.items()}


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.settings_effect")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the result")
    parser.add_argument("--sentences", type=int, help="the most of each split: shows that it works")
    given = parser.parse_args()
    if given.sentences is not None and given.sentences < 1:
        parser.error(f"--sentences: {given.sentences}; allowed: a whole number of at least 1")
    chosen = study_settings.load()
    found, kept = measure(chosen, load_data(given.sentences))
    print(f"\n{block(found)}")
    stem = ("" if given.sentences is None else "quick-") + "settings-effect-"
    path = given.out / f"{stem}{slug(found['machine']['device'])}.json"
    write_json(path, found)
    for checkpoints in kept:
        checkpoints.discard()
    print(f"\nwritten: {path}")


def measure(settings: Settings, data: Prepared) -> tuple[dict[str, Any], list[Checkpoints]]:
    """Train under every setting; return what the result file holds, and the kept runs.

    Raises:
        StudyError: the adapter does not fit the model, or a run's loss was not finite.
    """
    where = machine(settings.train)
    ways = WAYS | (ON_GPU if where["device_type"] == "cuda" else {})
    records, kept = {}, []
    for i, (name, way) in enumerate(ways.items()):
        print(f"{name}:", flush=True)
        own = under(settings, way, len(data.train), data.num_labels)
        records[name], checkpoints = _train(own, data, f"settings-effect-{i}")
        kept.append(checkpoints)
    confidence = settings.statistics.confidence
    rows = {
        name: {
            "beside": way.beside,
            "changes": way.changes,
            "epochs": under(settings, way, len(data.train), data.num_labels).train.epochs,
            **row(records[name], records[way.beside] if way.beside else None, confidence),
        }
        for name, way in ways.items()
    }
    return {
        "machine": where,
        "settings": {
            "model": display_name(settings.model.name),
            "train_sentences": len(data.train),
            "test_sentences": len(data.test),
            "batch_size": settings.train.batch_size,
            "rank": settings.lora.rank,
            "seeds": sorted(settings.seeds),
            "confidence": confidence,
            "plain": _NEUTRAL,
        },
        "rows": rows,
    }, kept


def under(settings: Settings, way: Way, sentences: int, classes: int) -> Settings:
    """Return the settings of one way: plain training with its changes.

    Args:
        sentences: to train on, of so many classes.
    """
    plain = {section: dict(values) for section, values in _NEUTRAL.items()}
    epochs = settings.train.epochs_of(sentences, classes)
    plain["train"]["epochs"] = (_LONGER if way.longer else 1) * epochs
    for section, changes in way.changes.items():
        plain[section].update(changes)
    train = replace(settings.train, **plain["train"])
    return replace(settings, train=train, lora=replace(settings.lora, **plain["lora"]))


def _train(settings: Settings, data: Prepared, stage: str) -> tuple[ArmRecord, Checkpoints]:
    _, size, results, kept = run_rank(settings, data, settings.lora.rank, stage, LoraArm)
    return arm.record(results, data, size), kept


def row(record: ArmRecord, beside: ArmRecord | None, confidence: float) -> dict[str, Any]:
    """Return one way's figures: fractions, `difference` paired by seed and sentence.

    Args:
        beside: what it is held against, with the same seeds and test sentences; None for nothing.
    """
    right, picked = scores(record), record.picked()
    found: dict[str, Any] = {
        "learning_rate": record.learning_rate,
        "epochs_run": [len(run.validation) for run in picked],
        "best_epochs": [run.best_epoch for run in picked],
        "accuracy": described(right, confidence, counts=True, least=0.0, most=1.0),
    }
    if beside is None:
        return found
    difference = right.astype(float) - scores(beside)
    pairs = zip(picked, beside.picked(), strict=True)
    same = [np.equal(a.test_predictions, b.test_predictions).mean() for a, b in pairs]
    return found | {
        "difference": described(difference, confidence, counts=True, least=-1.0, most=1.0),
        "same_predictions": fmean(same),
    }


def block(found: Mapping[str, Any]) -> str:
    """Return the figures as a Markdown table, and below it what can be told of them."""
    head = [
        *("setting", "test accuracy, %", "to plain, points", "same predictions"),
        *("epochs run, by seed", "best epoch, by seed"),
    ]
    rows = []
    for name, row_ in found["rows"].items():
        label = f"{name} (held against {LONG})" if row_["beside"] == LONG else name
        compared = ["-", "-"]
        if "difference" in row_:
            difference = markdown.with_interval(row_["difference"], 100, 1)
            compared = [difference, f"{100 * row_['same_predictions']:.1f} %"]
        ran, best = (", ".join(map(str, row_[key])) for key in ("epochs_run", "best_epochs"))
        accuracy = markdown.with_interval(row_["accuracy"], 100, 1)
        rows.append([label, accuracy, *compared, f"{ran} of {row_['epochs']}", best])
    return f"{markdown.table(head, rows)}\n\n{told(found)}"


def told(found: Mapping[str, Any]) -> str:
    """Return, in a sentence, which settings' differences can be told from 0."""
    compared = {name: r["difference"] for name, r in found["rows"].items() if "difference" in r}
    apart = [
        f"{name} ({100 * d['mean']:+.1f} points)"
        for name, d in compared.items()
        if d["low"] is not None and d["low"] * d["high"] > 0
    ]
    level = f"{100 * found['settings']['confidence']:g} %, each by itself"
    if not apart:
        return f"No setting's difference is told from 0 (at {level})."
    others = "; no other is" if len(apart) < len(compared) else ""
    return f"The difference is told from 0 (at {level}) of {listed(apart)}{others}."


if __name__ == "__main__":
    command.run(main)
