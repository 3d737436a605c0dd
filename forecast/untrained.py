"""Stages that train nothing: their time from what drives it, sentences, ranks, seeds and matrices.

The large ones pass sentences through the model or decompose matrices, both of which the probe
times. The others read records and count: what each of those took when the study itself last ran
stands in untrained.json (`python -m benchmarks.untrained`), and is scaled by how fast this machine
is beside that one and by how much there is to read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from forecast.clock import Span
from forecast.measured import Measured
from study.records.json_file import read_json
from study.records.prepared import Prepared
from study.settings.seeds import all_seeds
from study.settings.whole import Settings

TABLE = Path(__file__).with_name("untrained.json")
# The stages, and whether their work grows with the answers that they read.
GROWS = {
    **dict.fromkeys(("aggregate", "undertraining", "sufficient_rank", "learning_rate"), True),
    **dict.fromkeys(("agreement", "claims", "linear_probe", "prepare"), True),
    **dict.fromkeys(("check", "headline", "rules_of_thumb", "cost", "plot", "report"), False),
    **dict.fromkeys(("theory_bound", "theory", "capacity", "spectra", "select"), False),
}


@dataclass(frozen=True)
class Machine:
    """What is known of this machine.

    Attributes:
        start: of a process that trains, until its imports are done.
        full, lora: what the probe found of a run by itself, and of LoRA's.
        kernels: `forecast.kernels.measure_kernels`.
    """

    start: Span
    full: Measured
    lora: Measured
    kernels: Mapping[str, float]


def seconds(settings: Settings, data: Prepared, machine: Machine) -> dict[str, float]:
    """Return the time of every stage that trains nothing, without waiting, its start included."""
    work = {
        "theory_bound": _theory_bound(settings, machine),
        "theory": _theory(settings, machine),
        "capacity": _capacity(settings, data, machine),
        "spectra": _spectra(settings, data, machine),
        "select": 2 * _tokens(data)["test"] * machine.full.validation.alone
        + 3 * machine.full.load.alone,
    }
    table = read_json(TABLE)
    faster = table["start"] / machine.start.alone
    overhead = between(machine)
    more = _records(settings, data) / table["answers"]
    found = {}
    for stage, grows in GROWS.items():
        if stage in work:
            found[stage] = overhead + work[stage]
            continue
        took = max(0.0, table["stages"].get(stage, 0.0) - table["between"]) / faster
        found[stage] = overhead + took * (more if grows else 1.0)
    return found


def between(machine: Machine) -> float:
    """Return what DVC and the start of a process take, a stage, seconds."""
    table = read_json(TABLE)
    return float(table["between"]) * machine.start.alone / float(table["start"])


def _tokens(data: Prepared) -> dict[str, int]:
    return {
        name: int(getattr(data, name).lengths.sum()) for name in ("train", "validation", "test")
    }


def _capacity(settings: Settings, data: Prepared, machine: Machine) -> float:
    """Two truncations at every rank, on test and validation, and three lines; LoRA's at every rank.

    The moments of the inputs take a product of their own beside each of the pass.
    """
    tokens, seeds, ranks = _tokens(data), len(settings.seeds), len(settings.lora.ranks)
    one = machine.full.validation.alone
    asked = data.train.first(settings.capacity.covariance_sentences)
    passes = 2 * ranks * (tokens["test"] + tokens["validation"]) + 3 * tokens["test"]
    moments = 2 * int(asked.lengths.sum())
    of_lora = ranks * tokens["test"] * machine.lora.validation.alone / machine.lora.runs
    cut = 2 * machine.kernels["svd"] + machine.kernels["eigh"]
    return seeds * ((passes + moments) * one + of_lora + cut)


def _spectra(settings: Settings, data: Prepared, machine: Machine) -> float:
    """Matrices of each tuned model and of its update, the pretrained ones once, and gradients."""
    seeds = len(settings.seeds)
    models = seeds * (2 if settings.spectra.shuffled_labels and seeds > 1 else 1)
    sentences = data.train.first(settings.spectra.gradient_sentences)
    steps = len(sentences) / settings.train.batch_size
    return (2 * models + seeds * len(settings.lora.ranks) + 1) * machine.kernels[
        "svd"
    ] + seeds * steps * machine.full.step.alone


def _theory_bound(settings: Settings, machine: Machine) -> float:
    return machine.kernels["theory_bound"] * len(settings.theory.seeds)


def _theory(settings: Settings, machine: Machine) -> float:
    return machine.kernels["theory"] * len(settings.theory.seeds) * len(settings.theory.ranks)


def _records(settings: Settings, data: Prepared) -> float:
    """How much there is to read: answers of every seed and arm to every test sentence."""
    seeds = len(all_seeds(settings.seeds, settings.blocks))
    return seeds * (len(settings.lora.ranks) + 2) * len(data.test)
