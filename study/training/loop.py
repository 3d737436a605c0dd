"""The training loop: a list of runs in, a list of results out.

A run is a value: method, rank, learning rate, seed. Runs that train together share one forward and
backward pass, one row each; what a run learns does not depend on its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeAlias

import torch
from torch import Tensor
from torch.func import functional_call

from study.batches import streams
from study.batches.feeds import Feed
from study.batches.packing import Batch
from study.models.objective import Objective, PackedModel
from study.models.recomputing import recomputing
from study.records.runs import Evaluation
from study.settings.train import TrainSettings
from study.training.optimizer import FlatParameters, RunAdamW
from study.training.pausing import restore, states_of
from study.training.progress import Progress

TrainGroup: TypeAlias = "Callable[[Sequence[Run], Progress, Part], list[RunResult]]"
"""Trains runs together, or a part of their steps, and returns one result a run, in order."""

LOSS_POINTS = 50  # a run's loss curve is kept as about this many means


@dataclass(frozen=True)
class Run:
    """One training run. `rank` is None unless the method is "lora"."""

    method: str
    rank: int | None
    learning_rate: float
    seed: int

    def __str__(self) -> str:
        rank = "" if self.rank is None else f", rank {self.rank}"
        return f"{self.method}{rank}, seed {self.seed}, learning rate {self.learning_rate:g}"


@dataclass(frozen=True)
class RunResult:
    """What a run learned, at the epoch that validation liked best (`Objective.better`).

    Attributes:
        best_epoch: whose model it is; another than validation's, if `train` was told to keep it.
        validation_logits, test_logits: (n, num_labels) fp32 on the CPU; of a model with another
            objective its outputs (n, k).
        state: the trained tensors by name, fp32 on the CPU, without a run axis.
        validation, loss_steps, loss_values: up to the last epoch, or where the run ended earlier.
        diverged_at: the step whose loss was not finite, or None. Such a run has no best epoch (0),
            no logits and no state.
        paused_at: the step after which the run was put off, or None. Until it goes on `loss_values`
            are of every step, there are no test logits, and `state` is what going on takes
            (`study.training.pausing`), or nothing where the run was given up.
        standing: the run's best validation when it was paused, that step's included.
    """

    run: Run
    best_epoch: int
    validation: tuple[Evaluation, ...]
    loss_steps: tuple[int, ...]
    loss_values: tuple[float, ...]
    validation_logits: Tensor
    test_logits: Tensor
    state: dict[str, Tensor]
    diverged_at: int | None
    paused_at: int | None = None
    standing: Evaluation | None = None

    @property
    def test_predictions(self) -> Tensor:
        """The predicted class of every test sentence, (n,) int64."""
        return self.test_logits.argmax(dim=-1)


@dataclass(frozen=True)
class Part:
    """The steps of a group's training that are to be done.

    Attributes:
        start: the paused runs to go on with, in the group's order; None: from the first step on.
        end: the step after which they are paused; None: the last is done.
    """

    start: Sequence[RunResult] | None = None
    end: int | None = None


WHOLE = Part()


def train(
    model: PackedModel,
    parameters: FlatParameters,
    runs: Sequence[Run],
    feed: Feed,
    settings: TrainSettings,
    epochs: int,
    progress: Progress,
    *,
    keep_epochs: Sequence[int] | None = None,
    part: Part = WHOLE,
) -> list[RunResult]:
    """Train `runs` together, each with its own row of `parameters`.

    Args:
        model: built for the runs' seeds; its objective says what is learned.
        parameters: the tensors of `model` to train, by the names they have there; its rows
            hold the last step's values afterwards.
        settings: schedule, decay, clipping, early stopping and the pieces of a step.
        epochs: passes over the training sentences.
        keep_epochs: the epoch, from 1 to `epochs`, whose model is kept of each run, where
            validation has no say in it. A run ends there: nothing that comes later is kept.
        part: of the steps. Runs that were paused and go on give what they would have given in one
            go, to the bit.

    Returns:
        One result a run, in order; paused ones, where the part ends before training does. A run
        whose loss stops being finite is marked and ends there, one that stops early ends too; the
        others go on as if it had not been, and training ends with the last of them. The schedule
        is that of all epochs in any case.

    Raises:
        ValueError: an epoch to keep that will not be.
    """
    if keep_epochs is not None and not all(1 <= epoch <= epochs for epoch in keep_epochs):
        raise ValueError(f"keep_epochs: {list(keep_epochs)}; allowed: 1 to {epochs}")
    per_epoch = feed.steps_per_epoch
    total = per_epoch * epochs
    optimizer = RunAdamW(
        parameters,
        [run.learning_rate for run in runs],
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        total_steps=total,
        warmup_share=settings.warmup_share,
        schedule=settings.schedule,
    )
    device = parameters.master.device
    generators = [streams.generator(run.seed, "dropout", device=device) for run in runs]
    window, patience = max(1, total // LOSS_POINTS), settings.patience(epochs)
    log = _Log(runs, window, model.objective, patience, keep_epochs)
    best = parameters.master.clone()
    if part.start is not None:
        states, done = [run.state for run in part.start], log.resume(part.start, per_epoch)
        restore(states, done, parameters, best, optimizer, generators)
    end = part.end or total
    progress.start(runs, end - optimizer.step_count)
    for epoch in range(optimizer.step_count // per_epoch + 1, epochs + 1):
        model.train()
        losses = [by_run.to(device) for by_run in log.begun()]
        seeds = [run.seed for run in runs]
        steps = feed.training(seeds, epoch, settings.gradient_accumulation_steps)
        until = end - (epoch - 1) * per_epoch
        with recomputing(model, settings.activation_checkpointing):
            for step in islice(steps, len(losses), until):
                by_run, gradient = _computed(model, parameters, step, generators)
                optimizer.step(gradient)
                losses.append(by_run)
                progress.step(losses)
        log.losses(torch.stack(losses).cpu())
        outputs = predict(model, parameters, feed, "validation")
        if until < per_epoch:
            log.stands(epoch, end, outputs, feed.labels("validation"))
        else:
            improved = log.validation(epoch, epoch * per_epoch, outputs, feed.labels("validation"))
            rows = torch.tensor(improved, dtype=torch.int64, device=device)
            best[rows] = parameters.master[rows]
        progress.epoch(epoch, log.last_losses(), log.last_scores(), model.objective.measured)
        if log.over:
            break
        if until <= per_epoch and end < total:
            progress.finish()
            kept = states_of(parameters, best, log.has_best, optimizer, generators)
            return log.paused(end, kept)
    with torch.no_grad():
        last = parameters.master.clone()
        parameters.master.copy_(best)
        test_outputs = predict(model, parameters, feed, "test")
        parameters.master.copy_(last)
    progress.finish()
    return log.results(test_outputs, [parameters.unflatten(row) for row in best.cpu()])


def _computed(
    model: PackedModel,
    parameters: FlatParameters,
    step: Sequence[Batch],
    generators: Sequence[torch.Generator],
) -> tuple[Tensor, Tensor]:
    """Return each run's loss (R,) and the gradient (R, P) of a minibatch in pieces.

    The loss is the mean over the pieces, each weighted by what it is the mean of.
    """
    views = parameters.views()
    weights = [model.objective.weight(batch.labels) for batch in step] if len(step) > 1 else []
    losses = []
    for i, batch in enumerate(step):
        outputs = functional_call(model, views, (batch, generators), tie_weights=False)
        by_run = model.objective.loss(outputs, batch.labels)
        if weights:
            by_run = by_run * (weights[i] / torch.stack(weights).sum(dim=0))
        gradient = parameters.gradient(by_run.sum(), add=i > 0)
        losses.append(by_run.detach())
    return (losses[0] if len(losses) == 1 else torch.stack(losses).sum(dim=0)), gradient


@torch.no_grad()
def predict(model: PackedModel, parameters: FlatParameters, feed: Feed, split: str) -> Tensor:
    """Return the outputs (R, n, k) of a split's sentences, such as logits, fp32 on the CPU."""
    model.eval()
    views = parameters.views()
    found: Tensor | None = None
    for sentences, batch in feed.evaluation(split, model.runs):
        outputs = functional_call(model, views, (batch,), tie_weights=False).cpu()
        if found is None:
            found = outputs.new_empty(len(outputs), len(feed.labels(split)), outputs.shape[-1])
        found[:, sentences] = outputs
    assert found is not None  # a split is never empty
    return found


class _Log:
    """What happened to each run, read from the device once an epoch."""

    def __init__(
        self,
        runs: Sequence[Run],
        window: int,
        objective: Objective,
        patience: int | None,
        keep_epochs: Sequence[int] | None = None,
    ) -> None:
        self._window, self._objective, self._patience = window, objective, patience
        self._keep_epochs = keep_epochs
        self._stopped: dict[int, int] = {}  # the last step of each run that ended early
        self._losses: list[Tensor] = []  # (steps, R) of each epoch
        self._begun: list[Tensor] = []  # (R,) of each step of an epoch that was paused in
        self._scores = [float("nan")] * len(runs)  # the last ones
        self._results = [
            RunResult(run, 0, (), (), (), torch.empty(0), torch.empty(0), {}, diverged_at=None)
            for run in runs
        ]

    def losses(self, losses: Tensor) -> None:
        """Take in an epoch's losses (steps, R) and notice which runs went astray."""
        before = sum(len(epoch) for epoch in self._losses)
        self._losses.append(losses)
        for i, result in enumerate(self._results):
            bad = (~losses[:, i].isfinite()).nonzero()
            if result.diverged_at is None and i not in self._stopped and len(bad):
                self._results[i] = replace(result, diverged_at=before + int(bad[0]) + 1)

    def validation(self, epoch: int, step: int, outputs: Tensor, labels: Tensor) -> list[int]:
        """Take in validation outputs (R, n, k); return the runs whose model is to be kept now."""
        improved = []
        for i, point in self._points(epoch, step, outputs, labels):
            result = self._results[i]
            if self._keeps(i, point):
                result = replace(result, best_epoch=epoch, validation_logits=outputs[i].clone())
                improved.append(i)
            self._results[i] = replace(result, validation=(*result.validation, point))
            if self._ends(i, epoch):
                self._stopped[i] = step
        return improved

    def stands(self, epoch: int, step: int, outputs: Tensor, labels: Tensor) -> None:
        """Take in outputs (R, n, k) within an epoch, where runs are compared and no model kept."""
        for i, point in self._points(epoch, step, outputs, labels):
            self._results[i] = replace(self._results[i], standing=point)

    def _points(
        self, epoch: int, step: int, outputs: Tensor, labels: Tensor
    ) -> Iterator[tuple[int, Evaluation]]:
        """Yield each run that goes on and how it does; notice which ones went astray."""
        for i, result in enumerate(self._results):
            if i in self._stopped:
                continue
            if not bool(outputs[i].isfinite().all()) and result.diverged_at is None:
                self._results[i] = result = replace(result, diverged_at=step)
            self._scores[i] = float("nan")
            if result.diverged_at is None:
                score, loss = self._objective.evaluate(outputs[i], labels)
                self._scores[i] = score
                yield i, Evaluation(epoch=epoch, step=step, score=score, loss=loss)

    def _keeps(self, i: int, point: Evaluation) -> bool:
        """Whether a run's model is to be kept now: at the epoch it was told, or as the best yet."""
        if self._keep_epochs is not None:
            return point.epoch == self._keep_epochs[i]
        return all(self._objective.better(point, old) for old in self._results[i].validation)

    def _ends(self, i: int, epoch: int) -> bool:
        """Whether a run ends with this epoch: it was the one to keep, or patience is at its end."""
        if self._keep_epochs is not None:
            return epoch == self._keep_epochs[i]
        best = self._results[i].best_epoch
        return self._patience is not None and epoch - best >= self._patience

    @property
    def over(self) -> bool:
        """Whether no run goes on: each has ended early or went astray, not all of them astray."""
        lost = sum(result.diverged_at is not None for result in self._results)
        return bool(self._stopped) and len(self._stopped) + lost == len(self._results)

    def last_losses(self) -> list[float]:
        """Return each run's mean loss of the epoch that ended."""
        return self._losses[-1].mean(dim=0).tolist()

    def last_scores(self) -> list[float]:
        """Return each run's validation score, nan for a run that went astray."""
        return list(self._scores)

    @property
    def has_best(self) -> list[bool]:
        """Whether a model of each run has been kept."""
        return [result.best_epoch > 0 for result in self._results]

    def paused(self, step: int, states: Sequence[dict[str, Tensor]]) -> list[RunResult]:
        """Return the runs as they are between two steps, each with what going on takes."""
        losses = torch.cat(self._losses)
        return [
            replace(
                result,
                loss_steps=tuple(range(1, step + 1)),
                loss_values=tuple(losses[:, i].tolist()),
                state=states[i],
                paused_at=step,
                standing=self._best(result),
            )
            for i, result in enumerate(self._results)
        ]

    def _best(self, result: RunResult) -> Evaluation | None:
        """Return the best of a run's validations up to now; None of one that went astray."""
        points = [*result.validation, *([result.standing] if result.standing else [])]
        if result.diverged_at is not None:
            return None
        best = points[0]
        for point in points[1:]:
            best = point if self._objective.better(point, best) else best
        return best

    def resume(self, paused: Sequence[RunResult], per_epoch: int) -> int:
        """Take up what a log of the same runs was paused with; return the last step done."""
        (step,) = {result.paused_at for result in paused}
        assert step is not None
        losses = torch.tensor([result.loss_values for result in paused]).T  # (steps, R)
        *self._losses, begun = losses.split([per_epoch] * (step // per_epoch) + [step % per_epoch])
        self._begun = list(begun)
        self._results = [
            replace(r, loss_steps=(), loss_values=(), state={}, paused_at=None, standing=None)
            for r in paused
        ]
        for i, result in enumerate(self._results):
            last = result.validation[-1] if result.validation else None
            if last is not None and self._ends(i, last.epoch):
                self._stopped[i] = last.step
        return step

    def begun(self) -> list[Tensor]:
        """Return the losses (R,) of the steps that an epoch has behind it, once."""
        begun, self._begun = self._begun, []
        return begun

    def results(self, test_outputs: Tensor, states: Sequence[dict[str, Tensor]]) -> list[RunResult]:
        """Close the log with the test outputs (R, n, k) and states at every best epoch."""
        losses = torch.cat(self._losses)
        finished = []
        for i, result in enumerate(self._results):
            if result.diverged_at is None:
                windows = losses[: self._stopped.get(i)].split(self._window)
                result = replace(
                    result,
                    loss_steps=tuple(torch.tensor([len(w) for w in windows]).cumsum(0).tolist()),
                    loss_values=tuple(float(w[:, i].double().mean()) for w in windows),
                    test_logits=test_outputs[i].clone(),
                    state={name: x.clone() for name, x in states[i].items()},
                )
            finished.append(result)
        return finished
