"""Every record that the report reads, for studies of any shape, made by the code that makes them.

Where that would mean training a model, what training left is made up: predictions, logits, updates.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from nbformat.v4 import new_code_cell, new_notebook, new_output

from lora.adapter import Adapter
from lora.config import LoRAConfig
from study.analyses.agreement.record import agreement, swept
from study.analyses.capacity.record import (
    CURVES,
    FULL,
    LORA,
    RANK_ZERO,
    TARGETS,
    Comparison,
    capacity_record,
)
from study.analyses.capacity.truncation import PLAIN, WEIGHTED
from study.analyses.learning_rates.record import learning_rates
from study.analyses.results import curves
from study.analyses.results.summary import summarise
from study.analyses.results.sweep import Results, measure_in, merits, scores
from study.analyses.results.validation import Answers
from study.analyses.rules_of_thumb.record import rules_record
from study.analyses.spectra.record import spectra_record
from study.analyses.spectra.updates import Matrix, Updates
from study.analyses.sufficiency.record import sufficient_rank
from study.analyses.sufficiency.sharper import sharper
from study.analyses.undertraining.record import undertraining
from study.pages.report import show
from study.pages.report.contents import TITLES
from study.pages.report.inputs import PATHS, PICTURES, Study
from study.pages.report.page import render
from study.probes.record import LinearProbe
from study.records.json_file import write_json
from study.records.logits import Logits
from study.settings.statistics import StatisticsSettings
from study.settings.whole import Settings
from tests.study.fake_metrics import probe_by, results_by
from tests.study.fake_records import fake_arm, fake_probe, with_study
from tests.study.fake_theory import toy_settings, toy_theory
from tests.study.pages.report.made_machine import machine_files

REPOSITORY = Path(__file__).resolve().parents[4]
PICTURE = """<svg xmlns="http://www.w3.org/2000/svg" width="504pt" height="288pt">\
<title>{name}</title><rect width="504" height="288" fill="#ddd"/></svg>"""
TWELVE = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)


@dataclasses.dataclass(frozen=True)
class Shape:
    """What kind of study is made."""

    ranks: tuple[int, ...] = (1, 2, 4)
    rank: int = 2
    seeds: tuple[int, ...] = (0, 1, 2)
    classes: int = 2
    sentences: int = 300
    rates: tuple[float, ...] = (1e-3, 3e-3)
    metric: str = "accuracy"


SHAPES = {
    "plain": Shape(),
    "one": Shape(ranks=(4,), rank=4, seeds=(7,), classes=20, rates=(1e-3,)),
    "twelve": Shape(ranks=TWELVE, rank=20, seeds=(0, 1, 2, 3, 4)),
    "macro F1": Shape(metric="macro_f1", classes=3),
    "Matthews": Shape(metric="matthews", rates=(1e-3,)),
    "log loss": Shape(metric="log_loss"),
}


def made_settings(shape: Shape) -> Settings:
    """Return settings of this shape."""
    chosen = with_study(toy_settings(), seeds=shape.seeds, ranks=shape.ranks, rank=shape.rank)
    statistics = dataclasses.replace(chosen.statistics, resamples=100)
    return dataclasses.replace(chosen, statistics=statistics)


@functools.cache
def made_records(shape: Shape) -> dict[str, Any]:
    """Return what stands in every file of `study.pages.report.inputs.PATHS`, by name."""
    settings = made_settings(shape)
    results, statistics = made_results(shape), settings.statistics
    probe = made_probe(results, shape)
    summary = summarise(results, statistics, probe)
    validation = {rank: merits(record) for rank, record in results.lora.items()}
    bound, theory = toy_theory()
    enough = sufficient_rank(results, validation, (), statistics)
    enough["sharper"] = _sharper(results, shape, enough["recommended"]["rank"], statistics)
    spectra = spectra_record(*_updates(shape), settings.spectra)
    return {
        "summary": summary,
        "rank_curve": curves.rank_curve(results, summary),
        "pareto": curves.pareto(summary),
        "dynamics": curves.dynamics(results),
        "theory_bound": bound,
        "theory": theory,
        "data": _data(shape),
        "undertraining": undertraining(
            results,
            made_probe(results, shape, validation=0.0),
            _answers(shape, validation),
            {"class_shares": {name: 1 / shape.classes for name in results.full.label_names}},
            0.05,
            planned=2,
        ),
        "sufficient_rank": enough,
        "agreement": agreement(results, probe, _logits(results, shape), statistics),
        "capacity": _capacity(results, settings),
        "spectra": spectra,
        "rules_of_thumb": rules_record(spectra, enough),
        "learning_rate": learning_rates(results, settings.lora.scaling, statistics),
        "cost": _cost(results, probe),
        "claims": CLAIMS,
    }


def write_made(folder: Path, shape: Shape) -> None:
    """Write every record and picture below `folder`, as the stages do."""
    for name, record in made_records(shape).items():
        write_json(folder / PATHS[name], record)
    for name, picture in made_pictures().items():
        (folder / PICTURES[name]).write_bytes(picture)
    for name, record in machine_files(shape.ranks).items():
        write_json(folder / f"metrics/machine/{name}.json", record)


def made_study(shape: Shape) -> Study:
    """Return what the report reads of such a study."""
    settings = json.loads(json.dumps(dataclasses.asdict(made_settings(shape))))
    return Study(settings, made_records(shape), machine_files(shape.ranks), made_pictures())


def made_pictures() -> dict[str, bytes]:
    """Return a picture of the usual size for each of the study's, which says its name alone."""
    return {name: PICTURE.format(name=name).encode() for name in PICTURES}


def made_page(shape: Shape) -> str:
    """Return the page, as the notebook's cells would show it, without starting a kernel."""
    study = made_study(shape)
    shown = [show.top, *(getattr(show, name) for name in TITLES)]
    outputs = [new_output("display_data", {"text/html": part(study)}) for part in shown]
    cells = [new_code_cell(outputs=[output]) for output in outputs]
    return render(new_notebook(cells=cells), show.title(study))


def made_results(shape: Shape) -> Results:
    """Return the runs of every arm."""

    def arm(kind: str, rank: int | None = None) -> Any:
        return fake_arm(
            kind,
            rank,
            seeds=shape.seeds,
            num_sentences=shape.sentences,
            num_classes=shape.classes,
            learning_rates=shape.rates,
        )

    lora = {rank: arm("lora", rank) for rank in sorted(shape.ranks)}
    results = Results(arm("head_only"), arm("full"), lora, arm("lora", shape.rank))
    return results if shape.metric == "accuracy" else results_by(results, shape.metric)


def made_probe(results: Results, shape: Shape, **given: float) -> LinearProbe:
    """Return a linear probe beside these arms, by their metric."""
    probe = fake_probe(results.head_only, **given)
    return probe if shape.metric == "accuracy" else probe_by(probe, results.full)


def _answers(shape: Shape, validation: dict[int, Any]) -> Answers:
    """Answers on validation of every arm; those of the head alone are worse."""
    best = validation[max(validation)]
    worse = np.where(np.arange(best.shape[1]) % 5 > 0, best, best.min())
    correct = {("lora", rank): right for rank, right in validation.items()}
    labels = np.arange(best.shape[1]) % shape.classes
    return Answers(correct | {("head_only", None): worse, ("full", None): best}, labels)


def _logits(results: Results, shape: Shape) -> dict[tuple[str, int | None], Any]:
    """Logits (seeds, sentences, classes) whose largest is the predicted class, more or less."""
    stream = np.random.default_rng(0)
    found = {}
    for arm in swept(results):
        predicted = np.array([run.test_predictions for run in arm.picked()])
        sure = stream.uniform(1, 4, predicted.shape)
        found[arm.arm, arm.rank] = np.eye(shape.classes)[predicted] * sure[..., None]
    return found


def _sharper(
    results: Results, shape: Shape, recommended: int, statistics: StatisticsSettings
) -> dict[str, Any]:
    labels = np.array(results.full.test_labels)

    def read(found: Any) -> Logits:
        by_seed = dict(zip(shape.seeds, found.astype(np.float32), strict=True))
        return Logits(by_seed, by_seed, labels, labels)

    logits = _logits(results, shape)
    lora = {rank: read(logits["lora", rank]) for rank in results.lora}
    return sharper(read(logits["full", None]), lora, recommended, statistics)


def _capacity(results: Results, settings: Settings) -> dict[str, Any]:
    right = {(FULL, None): merits(results.full), (RANK_ZERO, None): merits(results.head_only)}
    right[TARGETS, None] = merits(results.full)
    for curve in CURVES:
        right |= {(curve, rank): merits(record) for rank, record in results.lora.items()}
    modules = {"layer.0.query": (72, 80), "layer.0.dense": (72, 80)}
    differing = {kind: [0] * len(settings.seeds) for kind in (FULL, LORA)}
    cut = {arm: scored for arm, scored in right.items() if arm[0] in (PLAIN, WEIGHTED)}
    found = Comparison(right, cut, modules, ("layer.0.query",), differing, measure_in(results.full))
    return capacity_record(found, settings.statistics, settings.seeds)


def _updates(shape: Shape) -> tuple[Updates, dict[int, dict[str, torch.Tensor]]]:
    """Updates of two matrices of 72 x 80, one of which LoRA adapts, in each of two layers."""
    generator = torch.Generator().manual_seed(0)
    matrices = tuple(
        Matrix(
            module=f"layer.{layer}.{kind}",
            layer=layer,
            kind=kind,
            target=kind == "query",
            first_target=(layer, kind) == (0, "query"),
            W0=_random(generator, 72, 80),
        )
        for layer in (0, 1)
        for kind in ("query", "dense")
    )

    def adapter(rank: int) -> Adapter:
        factors = {
            m.module: (_random(generator, rank, 80), 0.01 * _random(generator, 72, rank))
            for m in matrices
            if m.target
        }
        return Adapter(LoRAConfig(rank, 16.0, ("query",)), factors)

    def full() -> dict[str, torch.Tensor]:
        return {m.module: 0.01 * _random(generator, 72, 80) for m in matrices}

    lora = {rank: {seed: adapter(rank) for seed in shape.seeds} for rank in sorted(shape.ranks)}
    return Updates(matrices, {seed: full() for seed in shape.seeds}, lora), {
        seed: full() for seed in shape.seeds
    }


def _random(generator: torch.Generator, *size: int) -> torch.Tensor:
    return torch.randn(size, generator=generator)


def _data(shape: Shape) -> dict[str, Any]:
    share = 1 / shape.classes
    split = {
        "sentences": shape.sentences,
        "class_counts": {f"class {i}": shape.sentences // 2 for i in range(shape.classes)},
        "class_shares": {f"class {i}": share for i in range(shape.classes)},
        "length_mean": 27.27,
        "length_max": 64,
        "truncated_share": 0.004,
    }
    source = {
        "name": "my/reviews.csv",
        "rows": 8530,
        "dropped": {"empty": 1, "duplicate": 12, "conflicting": 0, "without_label": 3},
        "sentences": 8514,
    }
    return {
        "batching": "packed",
        "model": "package:toy/model",
        "classes": shape.classes,
        "sources": {"main": source},
        "splits": {name: split for name in ("train", "validation", "test")},
    }


def _cost(results: Results, probe: LinearProbe) -> dict[str, Any]:
    probed = {
        "arm": probe.arm,
        "rank": None,
        "trainable_parameters": probe.trainable_parameters,
        "storage_bytes": 4 * probe.trainable_parameters,
        "optimizer_state_bytes": None,
        "flops_per_token": 4.4e7,
        "inference_flops_per_token": 4.4e7,
        "mergeable": None,
        "merge_difference": None,
        f"test_{probe.metric}": probe.test_score,
    }
    head_only, *others = [
        {
            "arm": arm.arm,
            "rank": arm.rank,
            "trainable_parameters": arm.trainable_parameters,
            "storage_bytes": 4 * arm.trainable_parameters,
            "optimizer_state_bytes": 8 * arm.trainable_parameters,
            "flops_per_token": 1.36e8,
            "inference_flops_per_token": 4.5e7,
            "mergeable": True if arm.arm == "lora" else None,
            "merge_difference": 1e-6 if arm.arm == "lora" else None,
            f"test_{arm.metric}": float(scores(arm).mean()),
        }
        for arm in swept(results)
    ]
    return {"arms": [head_only, probed, *others]}


CLAIMS = [
    {
        "claim": f"Claim number {number} about ranks that is as long as a sentence usually is",
        "source": "000_c29c56a4df8104eb.txt, Results",
        "verdict": verdict,
        "numbers": {
            "gap_at_8": -1.25,
            "ranks": [1, 2, 4],
            "rank": None,
            "by_scaling": {"fixed": 0.176, "proportional": 5.64},
            "why": "whether the gap at rank 8 is within a margin of 1 point",
        },
    }
    for number, verdict in enumerate(("holds", "does not hold", "cannot be told", "holds"))
]
