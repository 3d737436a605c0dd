"""Everything that is known of the ranks, in one record: all_results.json."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from study.entry.errors import StudyError
from study.studies.instruct.answers.compare import Held, difference, joint, levels, verdicts
from study.studies.instruct.answers.hypotheses import hypotheses
from study.studies.instruct.answers.questions import questions
from study.studies.instruct.training.records import (
    BaseRecord,
    PairRun,
    RankRecord,
    read_base,
    read_rank,
)

if TYPE_CHECKING:
    from study.studies.instruct.settings.whole import InstructSettings


def read_results(
    settings: InstructSettings, folder: str | Path = "."
) -> tuple[BaseRecord, dict[int, RankRecord]]:
    """Read the base's record and that of every rank the settings name, by rank.

    Raises:
        StudyError: a record is missing or is of another rank or other seeds than the settings'.
    """
    folder = Path(folder)
    base = read_base(folder / "base.json")
    records = {}
    for rank in sorted(settings.lora.ranks):
        path = folder / f"ranks/rank_{rank}/run_data.json"
        record = read_rank(path)
        seeds = [run.seed for run in record.picked()]
        if record.rank != rank or seeds != sorted(settings.seeds):
            raise StudyError(
                f"{path}: holds rank {record.rank} with seeds {seeds}, wanted is rank {rank} with "
                f"seeds {sorted(settings.seeds)}; run `dvc repro instruct/dvc.yaml`"
            )
        records[rank] = record
    return base, records


def compare(
    settings: InstructSettings,
    base: BaseRecord,
    records: Mapping[int, RankRecord],
    data: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the record of the comparison; losses are in nats, gains are losses saved.

    Of a gain, `low` and `high` are its own interval, `joint_low` and `joint_high` that which holds
    together with those of all pairs of ranks; see `study.studies.instruct.answers.compare`.

    Args:
        data: the report of `prepare`, data.json.
    """
    held = Held(base, records)
    chosen, reference = settings.compare, settings.lora.rank
    alpha = 1 - chosen.confidence
    level = levels(held, chosen.confidence)
    rows = [_row(records[r], level[r], held, reference, chosen.confidence) for r in held.ranks]
    pairs = [(b, a) for a, b in combinations(held.ranks, 2)]
    by_margin = {f"{m:g}": verdicts(held, pairs, m, alpha) for m in chosen.margins}
    first = by_margin[f"{chosen.margins[0]:g}"]
    differences = [{"rank": b, "over": a} | _gain(held, b, a, chosen.confidence) for b, a in pairs]
    judged = {
        pair: row | gained for pair, row, gained in zip(pairs, first, differences, strict=True)
    }
    margin = chosen.margins[0]
    return {
        "model": data["model"],
        "source": data["source"]["name"],
        "form": data["source"]["form"],
        "rows": data["source"]["rows"],
        "dropped": data["source"]["dropped"],
        "system": data["system"],
        "max_length": data["max_length"],
        "responses_cut": {name: part["responses_cut"] for name, part in data["splits"].items()},
        "seeds": sorted(settings.seeds),
        "train_pairs": data["splits"]["train"]["pairs"],
        "test_pairs": len(held.tokens),
        "test_response_tokens": int(held.tokens.sum()),
        "confidence": chosen.confidence,
        "margin": margin,
        "reference_rank": reference,
        "total_parameters": next(iter(records.values())).total_parameters,
        "before": {"test_token_accuracy": base.test_token_accuracy} | level[None],
        "ranks": rows,
        "differences": differences,
        "verdicts": by_margin,
        "questions": questions(rows, judged, margin, len(held.tokens)),
        "hypotheses": hypotheses(rows, judged, margin),
    }


def _row(
    record: RankRecord, level: Mapping[str, float], held: Held, reference: int, confidence: float
) -> dict[str, Any]:
    runs = record.picked()
    return {
        "rank": record.rank,
        "trainable_parameters": record.trainable_parameters,
        "trainable_share": record.trainable_parameters
        / (record.total_parameters + record.trainable_parameters),
        "operations": record.operations,
        "steps": record.steps,
        "learning_rate": record.learning_rate,
        "learning_rates": list(record.learning_rates),
        "final_train_loss": float(np.mean([run.loss_values[-1] for run in runs])),
        "last_epoch_train_loss": float(np.mean([_last_epoch(run) for run in runs])),
        **_curve(record),
        "validation_loss": float(np.mean([run.validation_loss for run in runs])),
        **level,
        "test_token_accuracy": float(np.mean([run.test_token_accuracy for run in runs])),
        "over_before": difference(held, record.rank, None, confidence),
        "over_reference": (
            None if record.rank == reference else _gain(held, record.rank, reference, confidence)
        ),
    }


def _gain(held: Held, rank: int, over: int, confidence: float) -> dict[str, Any]:
    return difference(held, rank, over, confidence) | joint(held, rank, over, confidence)


def _last_epoch(run: PairRun) -> float:
    """Return the mean training loss over the steps of the last epoch that was trained."""
    last = run.validation[-1].step
    begun = max((point.step for point in run.validation if point.step < last), default=0)
    starts = (0, *run.loss_steps[:-1])
    steps = [
        max(0, end - max(start, begun)) for start, end in zip(starts, run.loss_steps, strict=True)
    ]
    return float(np.average(run.loss_values, weights=steps))


def _curve(record: RankRecord) -> dict[str, list[float]]:
    """Return the training loss, its mean over seeds, as far as all of them went."""
    runs = record.picked()
    points = min(len(run.loss_steps) for run in runs)
    values = np.mean([run.loss_values[:points] for run in runs], axis=0)
    return {"loss_steps": list(runs[0].loss_steps[:points]), "loss_values": values.tolist()}
