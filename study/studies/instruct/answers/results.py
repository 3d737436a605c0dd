"""Everything that is known of the arms, in one record: all_results.json."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from study.analyses.sufficiency.verdicts import UNTOLD
from study.entry.errors import StudyError
from study.records.arm_names import FULL
from study.statistics.crossed import crossed, crossed_interval
from study.studies.instruct.answers.choice import choice
from study.studies.instruct.answers.compare import (
    BEFORE,
    Arm,
    Held,
    difference,
    joint,
    levels,
    nats,
    verdicts,
)
from study.studies.instruct.answers.hypotheses import EXPECTED, hypotheses
from study.studies.instruct.answers.learning import still_learning
from study.studies.instruct.answers.needed import NOTHING, needed
from study.studies.instruct.answers.questions import questions
from study.studies.instruct.training.records import (
    BaseRecord,
    PairRun,
    TunedRecord,
    read_base,
    read_tuned,
)

if TYPE_CHECKING:
    from study.studies.instruct.settings.whole import InstructSettings


def read_results(
    settings: InstructSettings, folder: str | Path = "."
) -> tuple[BaseRecord, dict[Arm, TunedRecord]]:
    """Read the base's record, and by arm that of full fine-tuning and every rank of the settings.

    Raises:
        StudyError: a record is missing or is of another arm or other seeds than the settings'.
    """
    folder = Path(folder)
    files: dict[Arm, Path] = {
        rank: folder / f"ranks/rank_{rank}/run_data.json" for rank in sorted(settings.lora.ranks)
    }
    files[FULL] = folder / "full.json"
    arms = {}
    for arm, path in files.items():
        arms[arm] = record = read_tuned(path)
        seeds = [run.seed for run in record.picked()]
        if record.rank != (None if arm == FULL else arm) or seeds != sorted(settings.seeds):
            raise StudyError(
                f"{path}: holds rank {record.rank} with seeds {seeds}, wanted is {arm} with seeds "
                f"{sorted(settings.seeds)}; run `dvc repro instruct/dvc.yaml`"
            )
    return read_base(folder / "base.json"), arms


def compare(
    settings: InstructSettings,
    base: BaseRecord,
    arms: Mapping[Arm, TunedRecord],
    data: Mapping[str, Any],
    written: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the record of the comparison; losses are in nats, gains are losses saved.

    Of a gain, `low` and `high` are its own interval, `joint_low` and `joint_high` that which holds
    together with those of all other comparisons; see `study.studies.instruct.answers.compare`.

    Args:
        data: the report of `prepare`, data.json; written: generated.json.
    """
    held, chosen = Held.out(base, arms), settings.compare
    confidence, margins = chosen.confidence, sorted(chosen.margins)
    level = levels(held, confidence)
    rows = {
        arm: _row(record, level[arm], held, arm, confidence)
        | {"still_learning": still_learning(record, base.validation_loss, margins[0])}
        for arm, record in arms.items()
    }
    gains = {pair: difference(held, *pair, confidence) for pair in held.pairs}
    for pair, gain in gains.items():
        gain |= joint(held, *pair, confidence)
    by_margin = {margin: verdicts(held, margin, 1 - confidence) for margin in margins}
    judged = {
        margin: {
            pair: row | gains[pair] | NOTHING
            for pair, row in zip(held.pairs, of_margin, strict=True)
        }
        for margin, of_margin in by_margin.items()
    }
    widest = judged[margins[-1]]
    for pair, row in widest.items():
        if row["verdict"] == UNTOLD:
            row |= _needed(held, pair, margins[-1], confidence)
    for rank in held.ranks:
        rows[rank]["over_full"] = gains[rank, FULL] | {
            "verdicts": {f"{m:g}": judged[m][rank, FULL]["verdict"] for m in margins},
            **{key: widest[rank, FULL][key] for key in NOTHING},
        }
    ranks = [rows[rank] for rank in held.ranks]
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
        "confidence": confidence,
        "margins": margins,
        "reference_rank": settings.lora.rank,
        "total_parameters": arms[FULL].total_parameters,
        "choice": choice(Held.validation(base, arms)),
        "before": {"test_token_accuracy": base.test_token_accuracy} | level[BEFORE],
        "full": rows[FULL],
        "ranks": ranks,
        "differences": [
            {"rank": rank, "over": over} | gain for (rank, over), gain in gains.items()
        ],
        "verdicts": {f"{margin:g}": of_margin for margin, of_margin in by_margin.items()},
        "questions": questions(ranks, judged, len(settings.seeds), len(held.tokens)),
        "hypotheses": hypotheses(ranks, judged),
        "not_trained": sorted(set(EXPECTED) - set(held.ranks)),
        "generated": _generated(written, confidence),
    }


def _row(
    record: TunedRecord, level: Mapping[str, float], held: Held, arm: Arm, confidence: float
) -> dict[str, Any]:
    runs = record.picked()
    own = 0 if record.rank is None else record.trainable_parameters
    return {
        "rank": record.rank,
        "trainable_parameters": record.trainable_parameters,
        "trainable_share": record.trainable_parameters / (record.total_parameters + own),
        "operations": record.operations,
        "steps": record.steps,
        "learning_rate": record.learning_rate,
        "learning_rates": list(record.learning_rates),
        "search_seeds": list(record.search_seeds),
        **({"dropped": list(record.early_exit.dropped)} if record.early_exit else {}),
        "final_train_loss": float(np.mean([run.loss_values[-1] for run in runs])),
        "last_epoch_train_loss": float(np.mean([_last_epoch(run) for run in runs])),
        **_curve(record),
        "validation_loss": float(np.mean([run.validation_loss for run in runs])),
        **level,
        "test_token_accuracy": float(np.mean([run.test_token_accuracy for run in runs])),
        "over_before": difference(held, arm, BEFORE, confidence),
    }


def _needed(
    held: Held, pair: tuple[int, Arm], margin: float, confidence: float
) -> dict[str, int | None]:
    """Return what it would take to tell of a comparison."""
    alpha = (1 - confidence) / 2 / len(held.pairs)
    return needed(crossed(held.gain(*pair), counts=False), nats(margin), alpha)


def _generated(written: Mapping[str, Any], confidence: float) -> dict[str, Any] | None:
    """Return every arm's score of generated text with its interval over pairs."""
    if written["metric"] is None:
        return None
    rows = []
    for arm in written["arms"]:
        scores = np.array([arm["scores"]])
        interval = crossed_interval(scores, confidence, counts=False, least=0.0, most=1.0)
        ends = {"low": interval.low, "high": interval.high}
        rows.append({key: arm[key] for key in ("arm", "rank", "score")} | ends)
    return {"metric": written["metric"], "seed": written["seed"], "arms": rows}


def _last_epoch(run: PairRun) -> float:
    """Return the mean training loss over the steps of the last epoch that was trained."""
    last = run.validation[-1].step
    begun = max((point.step for point in run.validation if point.step < last), default=0)
    starts = (0, *run.loss_steps[:-1])
    steps = [
        max(0, end - max(start, begun)) for start, end in zip(starts, run.loss_steps, strict=True)
    ]
    return float(np.average(run.loss_values, weights=steps))


def _curve(record: TunedRecord) -> dict[str, list[float]]:
    """Return the training loss, its mean over seeds, as far as all of them went."""
    runs = record.picked()
    points = min(len(run.loss_steps) for run in runs)
    values = np.mean([run.loss_values[:points] for run in runs], axis=0)
    return {"loss_steps": list(runs[0].loss_steps[:points]), "loss_values": values.tolist()}
