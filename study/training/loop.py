"""The training loop: a list of runs in, a list of results out.

A run is a value: method, rank, learning rate, seed. Runs that train together share one forward and
backward pass, one row each; what a run learns does not depend on its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
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
from study.training.progress import Progress

TrainGroup: TypeAlias = "Callable[[Sequence[Run], Progress], list[RunResult]]"
"""Trains runs together and returns one result a run, in order."""

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

    @property
    def test_predictions(self) -> Tensor:
        """The predicted class of every test sentence, (n,) int64."""
        return self.test_logits.argmax(dim=-1)


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

    Returns:
        One result a run, in order. A run whose loss stops being finite is marked and ends there,
        one that stops early ends too; the others go on as if it had not been, and training ends
        with the last of them. The schedule is that of all epochs in any case.

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
    progress.start(runs, total)
    for epoch in range(1, epochs + 1):
        model.train()
        losses = []
        seeds = [run.seed for run in runs]
        with recomputing(model, settings.activation_checkpointing):
            for step in feed.training(seeds, epoch, settings.gradient_accumulation_steps):
                by_run, gradient = _computed(model, parameters, step, generators)
                optimizer.step(gradient)
                losses.append(by_run)
                progress.step(losses)
        log.losses(torch.stack(losses).cpu())
        outputs = predict(model, parameters, feed, "validation")
        improved = log.validation(epoch, epoch * per_epoch, outputs, feed.labels("validation"))
        rows = torch.tensor(improved, dtype=torch.int64, device=device)
        best[rows] = parameters.master[rows]
        progress.epoch(epoch, log.last_losses(), log.last_scores(), model.objective.measured)
        if log.over:
            break
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
        for i, result in enumerate(self._results):
            if i in self._stopped:
                continue
            if not bool(outputs[i].isfinite().all()) and result.diverged_at is None:
                self._results[i] = result = replace(result, diverged_at=step)
            if result.diverged_at is not None:
                continue
            score, loss = self._objective.evaluate(outputs[i], labels)
            point = Evaluation(epoch=epoch, step=step, score=score, loss=loss)
            if self._keeps(i, point):
                result = replace(result, best_epoch=epoch, validation_logits=outputs[i].clone())
                improved.append(i)
            self._results[i] = replace(result, validation=(*result.validation, point))
            if self._ends(i, epoch):
                self._stopped[i] = step
        return improved

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
        return [
            r.validation[-1].score if r.diverged_at is None else float("nan") for r in self._results
        ]

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
