"""An arm of the study: its runs trained in groups, its learning rate picked, its record made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from statistics import fmean

from transformers import PretrainedConfig

from study.arms import early_exit
from study.arms.early_exit import Rung
from study.batches.packing import BLOCKS
from study.entry.errors import StudyError
from study.metrics.measure import LOG_LOSS, REGRESSION, measure_of
from study.records.prepared import PACKED, Prepared
from study.records.runs import ArmRecord, RunRecord
from study.settings.train import TrainSettings
from study.sources.configs import depth, vocabulary, width
from study.training.checkpoints import Checkpoints
from study.training.executors import Executor
from study.training.loop import Part, Run, RunResult, TrainGroup
from study.training.progress import Progress

GIB = 1024**3


@dataclass(frozen=True)
class Size:
    """How many numbers an arm trains, of how many."""

    head: int
    adapter: int
    trainable: int
    total: int  # base and head, without the adapter


def plan(
    method: str, rank: int | None, learning_rates: Sequence[float], seeds: Sequence[int], fit: int
) -> list[list[Run]]:
    """Return an arm's runs in groups that train together.

    A group holds seeds of one learning rate, `fit` of them at the most: what a rate's runs give
    does not depend on which other rates are tried.
    """
    groups = []
    for rate in learning_rates:
        runs = [Run(method, rank, rate, seed) for seed in seeds]
        groups += [runs[i : i + fit] for i in range(0, len(runs), fit)]
    return groups


def runs_that_fit(
    config: PretrainedConfig,
    data: Prepared,
    settings: TrainSettings,
    continues: bool = False,
) -> int:
    """Estimate how many runs may train together within `train.memory_gib`; at least one.

    A token of a layer keeps for the backward pass about 16 hidden vectors (queries, keys, values,
    their padded copies, both residual streams and norms, dropout masks), 3 intermediate ones and
    2 fp32 rows of attention probabilities a head. On the default study this says 0.13 GiB a run.
    With activation checkpointing that is kept of one layer, and one hidden vector of each; a step
    in pieces keeps what its largest piece does.

    Args:
        continues: the model predicts the last `labels` tokens of every sentence. As padded rows it
            gives logits of every token, block by block: they, their gradient and the gradient's
            slice in the dtype, and of what is predicted the logits and their gradient in fp32.
            The latter's log-probabilities are kept of all blocks.
    """
    lengths = data.train.lengths.float()
    sentences = -(-settings.batch_size // settings.gradient_accumulation_steps)
    tokens = float(lengths.mean()) * sentences
    longest = float(lengths.max())
    hidden, layers = width(config), depth(config)
    config = config.get_text_config()
    inner = getattr(config, "intermediate_size", None) or 4 * hidden
    inner = max(inner) if isinstance(inner, list) else inner
    heads = getattr(config, "num_attention_heads", None) or 1
    heads = max(heads) if isinstance(heads, list) else heads
    bytes_each = 2 if settings.precision == "bf16" else 4
    per_token = (16 * hidden + 3 * inner) * bytes_each
    per_token += int(8 * heads * min(longest, 2 * float(lengths.mean())))
    if settings.activation_checkpointing:
        per_run = tokens * (per_token + layers * hidden * bytes_each)
    else:
        per_run = tokens * per_token * layers
    if continues and data.batching not in PACKED:
        share = float(data.train.labels.sum()) / float(lengths.sum())
        per_logit = 4 * share + (3 * bytes_each + 8 * share) / min(BLOCKS, sentences)
        per_run += tokens * (vocabulary(config) or 0) * per_logit
    return max(1, int(settings.memory_gib * GIB / per_run))


def train_groups(
    title: str,
    groups: Sequence[Sequence[Run]],
    train_group: TrainGroup,
    checkpoints: Checkpoints,
    executor: Executor,
    rung: Rung | None = None,
) -> list[RunResult]:
    """Train every group that no checkpoint holds, and keep each as soon as it is there.

    Args:
        groups: each of one learning rate.
        rung: where the worse half of the rates is dropped, if they are enough; None: nowhere.

    Returns:
        The results of all groups, in the order of the groups. Those of a dropped rate are paused.

    Raises:
        StudyError: the loss of a run was not finite, whose rate was not dropped for that. All
            groups have been trained and kept by then, so that another try trains only what is
            changed.
    """
    found = [checkpoints.load(group) for group in groups]
    stood: list[list[RunResult]] = []
    gone: set[float] = set()
    if rung is not None and len({group[0].learning_rate for group in groups}) >= rung.rates:
        stood = _to_rung(title, groups, found, train_group, checkpoints, executor, rung)
        gone = _dropped(title, [result for group in stood for result in group], rung)
    for i, group in enumerate(groups):
        if group[0].learning_rate in gone and rung is not None:
            found[i] = [early_exit.given_up(result, rung) for result in stood[i]]
            checkpoints.save(group, stood[i], rung.step)  # without what going on would take
    left = [i for i, group in enumerate(groups) if group[0].learning_rate not in gone]
    progress = Progress(title, sum(len(groups[i]) for i in left))
    for i in left:
        if found[i] is not None:
            progress.skip(groups[i])
    missing = [i for i in left if found[i] is None]
    parts = (_rest(checkpoints, groups[i], rung) for i in missing)
    for j, trained in executor.train(train_group, [groups[i] for i in missing], progress, parts):
        i = missing[j]
        checkpoints.save(groups[i], trained)
        found[i] = trained
        if stood and rung is not None:
            checkpoints.save(groups[i], stood[i], rung.step)
    if stood:
        for i in left:
            pairs = zip(found[i] or (), stood[i], strict=True)
            found[i] = [replace(result, standing=there.standing) for result, there in pairs]
    results = [result for group in found if group is not None for result in group]
    lost = [r for r in results if r.diverged_at is not None and r.paused_at is None]
    if lost:
        raise StudyError(
            f"the loss is not finite: {_names(lost)}. A smaller learning rate is the usual cure. "
            f"The other {len(results) - len(lost)} runs of this stage finished, and those that did "
            "not train in one pass with such a run are kept: they will not be trained again"
        )
    return results


def _to_rung(
    title: str,
    groups: Sequence[Sequence[Run]],
    found: list[list[RunResult] | None],
    train_group: TrainGroup,
    checkpoints: Checkpoints,
    executor: Executor,
    rung: Rung,
) -> list[list[RunResult]]:
    """Train every group to the rung, and keep it there; return how the runs of each stand.

    Args:
        found: each group's results where it is at its end; filled where early stopping ends it
            before the rung.

    Returns:
        The results without what going on takes, which the checkpoints have.
    """
    stood = [
        [early_exit.standing(result) for result in kept]
        if kept is not None and early_exit.ended(kept, rung.step)
        else checkpoints.load(group, rung.step, states=False)
        for group, kept in zip(groups, found, strict=True)
    ]
    missing = [i for i, there in enumerate(stood) if there is None]
    runs = sum(len(groups[i]) for i in missing)
    progress = Progress(f"{title}, to step {rung.step} of {rung.steps}", runs)
    parts = repeat(Part(end=rung.step))
    for j, part in executor.train(train_group, [groups[i] for i in missing], progress, parts):
        i = missing[j]
        if part[0].paused_at is None:
            checkpoints.save(groups[i], part)
            found[i], stood[i] = part, [early_exit.standing(result) for result in part]
        else:
            checkpoints.save(groups[i], part, rung.step)
            stood[i] = [replace(result, state={}) for result in part]
        del part  # what a group takes to go on is not held while the next one trains
    return [there for there in stood if there is not None]


def _dropped(title: str, stood: Sequence[RunResult], rung: Rung) -> set[float]:
    """Return the rates to drop, and say so.

    Raises:
        StudyError: there is no rate at which every loss was finite.
    """
    merits = early_exit.merits(stood, rung)
    if all(merit is None for merit in merits.values()):
        lost = [result for result in stood if result.diverged_at is not None]
        raise StudyError(
            f"the loss is not finite at any learning rate: {_names(lost)}. Smaller learning rates "
            "are the usual cure"
        )
    gone = early_exit.dropped(merits)
    if gone:
        rates = ", ".join(f"{rate:g}" for rate in sorted(gone))
        print(f"{title}: dropped after step {rung.step} of {rung.steps}: {rates}", flush=True)
    return gone


def _rest(checkpoints: Checkpoints, group: Sequence[Run], rung: Rung | None) -> Part:
    """Return the steps that a group has before it: all, where nothing is kept of it."""
    paused = None if rung is None else checkpoints.load(group, rung.step)
    return Part(start=paused if paused and all(run.state for run in paused) else None)


def _names(lost: Sequence[RunResult]) -> str:
    return "; ".join(f"{result.run}, step {result.diverged_at}" for result in lost)


def picked(results: Sequence[RunResult], record: ArmRecord) -> list[RunResult]:
    """Return the results at the learning rate that validation picked, in order of seed."""
    chosen = [r for r in results if r.run.learning_rate == record.learning_rate]
    return sorted(chosen, key=lambda r: r.run.seed)


def record(
    results: Sequence[RunResult], data: Prepared, size: Size, rung: Rung | None = None
) -> ArmRecord:
    """Pick the learning rate on validation and put the arm's runs into a record.

    The rate with the best mean over seeds of the best epoch's validation score is picked, the
    smaller one of two that are equal. Which epoch that is the run says: the loop has found it.

    Args:
        results: of whole runs, and of paused ones, whose rates were dropped at the rung.
    """
    measure = measure_of(data.task, data.metric)
    labels = data.test.labels
    runs = []
    for result in results:
        if result.paused_at is not None:
            continue
        best = next(p for p in result.validation if p.epoch == result.best_epoch)
        outputs, true = result.test_logits.numpy(), labels.numpy()
        answers = measure.answers(outputs, true)
        predicted = outputs[:, 0] if measure.task == REGRESSION else outputs.argmax(axis=1)
        runs.append(
            RunRecord(
                seed=result.run.seed,
                learning_rate=result.run.learning_rate,
                best_epoch=result.best_epoch,
                validation_score=best.score,
                test_score=measure.value(answers, true),
                test_predictions=tuple(predicted.tolist()),
                loss_steps=result.loss_steps,
                loss_values=result.loss_values,
                validation=result.validation,
                test_losses=tuple(answers.tolist()) if measure.name == LOG_LOSS else None,
            )
        )

    whole = dict.fromkeys(run.learning_rate for run in runs)

    def validation(rate: float) -> float:
        return measure.merit(fmean(r.validation_score for r in runs if r.learning_rate == rate))

    first = results[0].run
    return ArmRecord(
        arm=first.method,
        rank=first.rank,
        learning_rates=tuple(dict.fromkeys(result.run.learning_rate for result in results)),
        learning_rate=max(sorted(whole), key=validation),
        trainable_parameters=size.trainable,
        head_parameters=size.head,
        adapter_parameters=size.adapter,
        total_parameters=size.total,
        label_names=data.label_names,
        test_labels=tuple(labels.tolist()),
        runs=tuple(runs),
        metric=measure.name,
        early_exit=early_exit.told(results, rung),
    )
