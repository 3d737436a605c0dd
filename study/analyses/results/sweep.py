"""The runs that the settings name, read and held against each other.

Every comparison in the study is paired: the same seeds and the same test sentences in every arm.
Here it is checked that they are, once, so that what computes from the results can rely on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from study.analyses.results.blocks import Named, joined
from study.entry.errors import StudyError
from study.metrics.measure import Measure, measure_named
from study.records.arm_names import FULL, HEAD_ONLY, LORA
from study.records.runs import ArmRecord, read_arm
from study.settings.seeds import seeds_of
from study.statistics.resampling import Scores

if TYPE_CHECKING:
    from study.settings.whole import Settings

_SAME_SCORE = 1e-6  # a score may have been rounded to fp32 on its way into the file


@dataclass(frozen=True)
class Sweep:
    """One record per arm; `lora` by rank, ascending."""

    head_only: ArmRecord
    full: ArmRecord
    lora: dict[int, ArmRecord]


@dataclass(frozen=True)
class Results(Sweep):
    """The sweep and the headline, which may be of a rank outside it."""

    headline: ArmRecord

    def arms(self) -> tuple[ArmRecord, ...]:
        """Return every arm once: head-only, LoRA by rank with the headline's, full fine-tuning."""
        lora = self.lora | {rank_of(self.headline): self.headline}
        return (self.head_only, *(lora[rank] for rank in sorted(lora)), self.full)


def rank_of(record: ArmRecord) -> int:
    """Return the rank of a LoRA record."""
    assert record.rank is not None
    return record.rank


def measure_in(record: ArmRecord) -> Measure:
    """Return what a record's arm was measured by."""
    return measure_named(record.metric)


def scores(record: ArmRecord, rate: float | None = None) -> Scores:
    """Return every test sentence's part in the metric, by seed, (num_seeds, num_sentences).

    Their mean over sentences is the metric. Of accuracy, bool: which sentences are right.

    Args:
        rate: the learning rate; None: the one that validation picked.
    """
    measure, labels = measure_in(record), np.array(record.test_labels)
    runs = record.picked() if rate is None else record.at(rate)
    return np.stack([measure.parts(np.array(run.answers), labels) for run in runs])


def answers_of(record: ArmRecord) -> NDArray[Any]:
    """Return what the metric measures of every test sentence, (num_seeds, num_sentences)."""
    return np.stack([np.array(run.answers) for run in record.picked()])


def merits(record: ArmRecord, rate: float | None = None) -> Scores:
    """Return `scores` so that more is better, and a hundredth is a point."""
    return measure_in(record).merits(scores(record, rate))


def seed_scores(record: ArmRecord) -> list[float]:
    """Return the metric on test of every seed, in order of seed."""
    return [float(score) for score in scores(record).mean(axis=1)]


def seed_merits(record: ArmRecord) -> list[float]:
    """Return the same so that more is better, and a hundredth is a point."""
    return [float(merit) for merit in merits(record).mean(axis=1)]


def read_sweep(
    settings: Settings, folder: str | Path = "metrics", *, blocks: Sequence[int] = ()
) -> Sweep:
    """Read the runs of every arm but the headline that the settings name, and no others.

    A file of a rank that was taken out of `lora.ranks` may lie beside them; it is not read.

    Args:
        blocks: further blocks of seeds, whose runs at the picked rate are put to the first's.

    Raises:
        StudyError: a record is missing, is of another arm, rank or seeds than its name and the
            settings say, contradicts itself, or was tested on other sentences than the rest. The
            file is named, and the command that makes it anew.
    """
    folder = Path(folder)
    ranks = sorted(settings.lora.ranks)
    wanted = [
        _first(folder),
        _Wanted(folder, Named("full", "full"), FULL, None),
        *(_Wanted(folder, Named(f"lora-r{rank}", f"lora@{rank}"), LORA, rank) for rank in ranks),
    ]
    records = [_read(each, settings.seeds) for each in wanted]
    for each, record in zip(wanted[1:], records[1:], strict=True):
        _check_same_test(wanted[0], records[0], each, record)
    head_only, full, *lora = [
        joined(record, [_read_block(each, record, settings.seeds, block) for block in blocks])
        for each, record in zip(wanted, records, strict=True)
    ]
    return Sweep(head_only, full, dict(zip(ranks, lora, strict=True)))


def read_results(
    settings: Settings, folder: str | Path = "metrics", *, blocks: Sequence[int] = ()
) -> Results:
    """Read the runs of every arm and of the headline.

    A headline of a rank outside the sweep has the first block's seeds alone.

    Raises:
        StudyError: as `read_sweep`, or the headline is another run than the sweep's of its rank.
    """
    folder = Path(folder)
    sweep = read_sweep(settings, folder, blocks=blocks)
    rank = settings.lora.rank
    wanted = _Wanted(folder, Named("headline", "headline"), LORA, rank)
    headline = _read(wanted, settings.seeds)
    _check_same_test(_first(folder), sweep.head_only, wanted, headline)
    if rank in sweep.lora:
        own = [run for run in sweep.lora[rank].runs if run.seed in settings.seeds]
        if replace(sweep.lora[rank], runs=tuple(own)) != headline:
            raise wanted.stale(f"not the run of rank {rank} in the sweep")
        headline = sweep.lora[rank]
    return Results(sweep.head_only, sweep.full, sweep.lora, headline)


@dataclass(frozen=True)
class _Wanted:
    """A record that the settings name, and where it stands."""

    folder: Path
    named: Named
    arm: str
    rank: int | None

    @property
    def path(self) -> Path:
        if self.named.arm == "headline":
            return self.folder / "headline.json"
        return self.named.path(self.folder, "runs", ".json")

    def stale(self, problem: str) -> StudyError:
        return StudyError(f"{self.path}: {problem}; run `dvc repro {self.named.stage}`")


def _first(folder: Path) -> _Wanted:
    """The record that the others are held against."""
    return _Wanted(folder, Named("head_only", "head_only"), HEAD_ONLY, None)


def _read_block(first: _Wanted, record: ArmRecord, seeds: Sequence[int], block: int) -> ArmRecord:
    """Read an arm's further block, which must be of the rate that the first one picked."""
    wanted = replace(first, named=replace(first.named, block=block))
    found = _read(wanted, seeds_of(seeds, block))
    _check_same_test(first, record, wanted, found)
    if found.learning_rate != record.learning_rate:
        raise wanted.stale(
            f"learning rate {found.learning_rate:g}, but the first block picked "
            f"{record.learning_rate:g}"
        )
    return found


def _read(wanted: _Wanted, seeds: Sequence[int]) -> ArmRecord:
    try:
        record = read_arm(wanted.path)
    except StudyError as error:
        raise StudyError(f"{error}; run `dvc repro {wanted.named.stage}`") from error
    for problem in _problems(record, wanted, sorted(seeds)):
        raise wanted.stale(problem)
    return record


def _problems(record: ArmRecord, wanted: _Wanted, seeds: list[int]) -> Iterator[str]:
    """Say what is wrong with the record, the most telling first."""
    if (record.arm, record.rank) != (wanted.arm, wanted.rank):
        found, expected = (record.arm, record.rank), (wanted.arm, wanted.rank)
        yield "holds arm {} of rank {}, wanted is arm {} of rank {}".format(*found, *expected)
    found_seeds = [run.seed for run in record.picked()]
    if found_seeds != seeds:
        rate = record.learning_rate
        yield f"seeds {found_seeds} at learning rate {rate}, but the settings' seeds are {seeds}"
    if not record.test_labels:
        yield "no test sentences"
    for run in record.picked():
        if len(run.test_predictions) != len(record.test_labels):
            counts = f"{len(run.test_predictions)} predictions for {len(record.test_labels)}"
            yield f"seed {run.seed} has {counts} test sentences"
    for run, score in zip(record.picked(), seed_scores(record), strict=True):
        if abs(run.test_score - score) > _SAME_SCORE:
            said = f"test_{record.metric} {run.test_score}"
            yield f"seed {run.seed} has {said}, but its predictions give {score}"


def _check_same_test(
    first: _Wanted, first_record: ArmRecord, other: _Wanted, other_record: ArmRecord
) -> None:
    if first_record.metric != other_record.metric:
        raise other.stale(
            f"metric {other_record.metric}, but {first_record.metric} in {first.path}"
        )
    if first_record.label_names != other_record.label_names:
        raise other.stale(f"other label_names than {first.path}")
    if first_record.test_labels != other_record.test_labels:
        raise other.stale(f"other test sentences (test_labels) than {first.path}")
