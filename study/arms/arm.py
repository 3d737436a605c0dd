"""An arm of the study: its runs trained in groups, its learning rate picked, its record made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from transformers import PretrainedConfig

from study.batches.packing import BLOCKS
from study.entry.errors import StudyError
from study.metrics.measure import LOG_LOSS, REGRESSION, measure_of
from study.records.prepared import PACKED, Prepared
from study.records.runs import ArmRecord, RunRecord
from study.settings.train import TrainSettings
from study.sources.configs import depth, vocabulary, width
from study.training.checkpoints import Checkpoints
from study.training.executors import Executor
from study.training.loop import Run, RunResult, TrainGroup
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
) -> list[RunResult]:
    """Train every group that no checkpoint holds, and keep each as soon as it is there.

    Returns:
        The results of all groups, in the order of the groups.

    Raises:
        StudyError: a run's loss was not finite. All groups have been trained and kept by then, so
            that another try trains only what is changed.
    """
    progress = Progress(title, sum(len(group) for group in groups))
    found = [checkpoints.load(group) for group in groups]
    for group, kept in zip(groups, found, strict=True):
        if kept is not None:
            progress.skip(group)
    missing = [i for i, kept in enumerate(found) if kept is None]
    for j, trained in executor.train(train_group, [groups[i] for i in missing], progress):
        checkpoints.save(groups[missing[j]], trained)
        found[missing[j]] = trained
    results = [result for group in found if group is not None for result in group]
    lost = [result for result in results if result.diverged_at is not None]
    if lost:
        names = "; ".join(f"{r.run}, step {r.diverged_at}" for r in lost)
        raise StudyError(
            f"the loss is not finite: {names}. A smaller learning rate is the usual cure. The "
            f"other {len(results) - len(lost)} runs of this stage finished, and those that did not "
            "train in one pass with such a run are kept: they will not be trained again"
        )
    return results


def picked(results: Sequence[RunResult], record: ArmRecord) -> list[RunResult]:
    """Return the results at the learning rate that validation picked, in order of seed."""
    chosen = [r for r in results if r.run.learning_rate == record.learning_rate]
    return sorted(chosen, key=lambda r: r.run.seed)


def record(results: Sequence[RunResult], data: Prepared, size: Size) -> ArmRecord:
    """Pick the learning rate on validation and put the arm's runs into a record.

    The rate with the best mean over seeds of the best epoch's validation score is picked, the
    smaller one of two that are equal. Which epoch that is the run says: the loop has found it.
    """
    measure = measure_of(data.task, data.metric)
    labels = data.test.labels
    runs = []
    for result in results:
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

    rates = tuple(dict.fromkeys(run.learning_rate for run in runs))

    def validation(rate: float) -> float:
        return measure.merit(fmean(r.validation_score for r in runs if r.learning_rate == rate))

    first = results[0].run
    return ArmRecord(
        arm=first.method,
        rank=first.rank,
        learning_rates=rates,
        learning_rate=max(sorted(rates), key=validation),
        trainable_parameters=size.trainable,
        head_parameters=size.head,
        adapter_parameters=size.adapter,
        total_parameters=size.total,
        label_names=data.label_names,
        test_labels=tuple(labels.tolist()),
        runs=tuple(runs),
        metric=measure.name,
    )
