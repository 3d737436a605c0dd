"""The training loop: what it draws, what it keeps, when it gives up, and that it learns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from study.arms import head_only, lora
from study.batches.packing import epoch_order
from study.models.objective import Classification
from study.models.packed import PackedClassifier
from study.records.runs import Evaluation
from study.training.loop import Run, RunResult, _Log, train
from study.training.optimizer import FlatParameters
from study.training.progress import Progress
from tests.lora.models import FAMILIES
from tests.study import toys
from tests.study.compare import RUNS, check_equal, far
from tests.study.toys import lora_run, saved, train_lora


def test_dropout_is_on_and_its_masks_are_the_seeds() -> None:
    (still,) = train_lora([lora_run(0)])
    (noisy,) = train_lora([lora_run(0)], dropout=0.2)
    (again,) = train_lora([lora_run(0)], dropout=0.2)
    assert far(still, noisy) > 1e-3
    check_equal(noisy, again, 0, 0)


def test_bf16_follows_fp32() -> None:
    for exact, coarse in zip(train_lora(RUNS), train_lora(RUNS, precision="bf16"), strict=True):
        assert far(exact, coarse) < 0.02  # measured: 0.0044


def test_the_step_that_diverged_is_the_first_whose_loss_is_not_finite() -> None:
    wild = lora_run(0, 1e38)
    (gone,) = train_lora([wild], warmup_share=0.0)
    assert gone.diverged_at == 2  # the first update spoils the second step's loss
    (gone,) = train_lora([wild], warmup_share=0.25)
    assert gone.diverged_at == 3  # the first one had a rate of zero


def test_the_global_generator_is_neither_used_nor_changed() -> None:
    results = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = torch.random.get_rng_state()
        results.append(train_lora([lora_run(0)], dropout=0.2))
        assert torch.equal(before, torch.random.get_rng_state())
    check_equal(results[0][0], results[1][0], 0, 0)


def first_step(rank: int | None, seeds: Sequence[int]) -> dict[int, tuple[Tensor, list[int]]]:
    """Return each seed's initial head and the labels of its minibatches, in one arm."""
    model = toys.load(saved("bert"))
    PackedClassifier(model, seeds)  # draws the heads
    if rank is not None:
        config = toys.lora_config(FAMILIES["bert"], rank)
        lora.adapt(model, [config] * len(seeds), seeds)
    feed = toys.token_feed(toys.prepared(), 4)
    labels = torch.cat([batch.labels for (batch,) in feed.training(seeds, 1)], dim=1)
    weight = model.classifier.weight.detach()
    return {s: (weight[i], labels[i].tolist()) for i, s in enumerate(seeds)}


def test_head_and_batches_of_a_seed_are_the_same_in_every_arm() -> None:
    alone = {seed: first_step(None, [seed])[seed] for seed in (0, 1, 2)}
    labels = toys.prepared().train.labels
    for rank in (None, 1, 4):
        for seed, (head, order) in first_step(rank, [0, 1, 2]).items():
            assert torch.equal(head, alone[seed][0])
            assert order == alone[seed][1] == labels[epoch_order(32, seed, 1)].tolist()
    assert not torch.equal(alone[0][0], alone[1][0])
    assert alone[0][1] != alone[1][1]


def kept(points: Sequence[Evaluation]) -> int:
    """Return the epoch of the highest accuracy; of several, of the lowest loss; then the first."""
    return min(points, key=lambda point: (-point.score, point.loss, point.epoch)).epoch


def logits(right: Sequence[bool], sure: float, labels: Tensor) -> Tensor:
    """Return logits (n, 2) that are right where it says so, the surer the larger."""
    signs = torch.where(torch.tensor(right), 1.0, -1.0)
    return sure * signs[:, None] * (2 * torch.nn.functional.one_hot(labels, 2) - 1)


def test_of_equally_accurate_epochs_the_one_of_the_lowest_loss_is_kept() -> None:
    """All right at epochs 2 to 5, surer at 3 than at 2, as sure at 4, and less so at 5."""
    labels = torch.tensor([0, 1, 1])
    epochs = [([True, True, False], 9.0), *[([True] * 3, sure) for sure in (1.0, 2.0, 2.0, 1.5)]]
    log = _Log([lora_run(0)], 3, Classification(), patience=None)
    improved = []
    for epoch, (right, sure) in enumerate(epochs, 1):
        log.losses(torch.ones(4, 1))
        found = logits(right, sure, labels)[None]
        improved.append(log.validation(epoch, 4 * epoch, found, labels))
    assert improved == [[0], [0], [0], [], []]
    (result,) = log.results(torch.zeros(1, 3, 2), [{}])
    assert result.best_epoch == kept(result.validation) == 3
    assert torch.equal(result.validation_logits, logits([True] * 3, 2.0, labels))


def test_an_epoch_of_lower_loss_is_a_better_one_for_patience_too() -> None:
    """As accurate throughout: the loss falls to epoch 3 and rises from there."""
    labels = torch.tensor([0, 1, 1])
    log = _Log([lora_run(0)], 3, Classification(), patience=2)
    for epoch, sure in enumerate((1.0, 2.0, 3.0, 2.5, 2.0), 1):
        assert not log.over
        log.losses(torch.ones(4, 1))
        log.validation(epoch, 4 * epoch, logits([True] * 3, sure, labels)[None], labels)
    assert log.over
    (result,) = log.results(torch.zeros(1, 3, 2), [{}])
    assert (result.best_epoch, len(result.validation)) == (3, 5)


def test_the_best_epoch_is_what_is_kept_and_what_is_tested() -> None:
    runs = [lora_run(seed, 0.05) for seed in (0, 1, 2, 3)]
    results = train_lora(runs, epochs=4)
    assert len({result.best_epoch for result in results}) > 1
    data, config = toys.prepared(), toys.lora_config(FAMILIES["bert"])
    for result in results:
        accuracies = [point.score for point in result.validation]
        assert [point.epoch for point in result.validation] == [1, 2, 3, 4]
        assert [point.step for point in result.validation] == [8, 16, 24, 32]
        assert result.best_epoch == kept(result.validation)
        model = toys.load(saved("bert"))
        classifier = PackedClassifier(model, [0])
        lora.adapt(model, [config], [0])
        rows = dict(classifier.named_parameters())
        with torch.no_grad():
            for name, tensor in result.state.items():
                rows[name][0] = tensor
        feed = toys.token_feed(data, 4)
        for split, check in (("validation", max(accuracies)), ("test", None)):
            found = torch.zeros(len(feed.labels(split)), dtype=torch.int64)
            for sentences, batch in feed.evaluation(split, 1):
                found[sentences] = classifier(batch)[0].argmax(-1)
            if check is None:
                assert torch.equal(found, result.test_predictions)
            else:
                right = (found == feed.labels(split)).double().mean()
                assert float(right) == check


def test_a_run_stops_early_and_is_what_it_would_be_alone_with_fewer_validations() -> None:
    runs = [lora_run(seed, 0.05) for seed in (0, 1, 2, 3)]
    whole = train_lora(runs, epochs=6)
    together = train_lora(runs, epochs=6, early_stopping=2)
    lengths = []
    for run, long, result in zip(runs, whole, together, strict=True):
        bests = [kept(long.validation[:n]) for n in range(1, 7)]  # so far
        end = next((n for n, best in enumerate(bests, 1) if n - best >= 2), 6)
        lengths.append(end)
        assert result.validation == long.validation[:end]
        assert result.best_epoch == bests[end - 1]
        assert result.loss_steps == long.loss_steps[: 8 * end]
        assert result.loss_values == long.loss_values[: 8 * end]
        (alone,) = train_lora([run], epochs=6, early_stopping=2)
        assert (alone.best_epoch, alone.loss_steps) == (result.best_epoch, result.loss_steps)
        assert far(alone, result) < 1e-3  # rounding, which 48 steps at this rate amplify
        if result.best_epoch == long.best_epoch:
            assert all(torch.equal(x, long.state[name]) for name, x in result.state.items())
            assert torch.equal(result.test_logits, long.test_logits)
    assert min(lengths) < 6
    assert len(set(lengths)) > 1


def test_training_ends_when_no_run_goes_on_and_a_lost_run_holds_up_nobody() -> None:
    class Counted(Progress):
        epochs = 0

        def epoch(self, *_: object) -> None:
            self.epochs += 1

    settings = toys.train_settings(epochs=9, early_stopping=1, warmup_share=0.0)
    runs = [lora_run(0, 1e-30), lora_run(1, 1e38)]  # the one stays as it is, the other is lost
    counted = Counted("toy", 2)
    config = toys.lora_config(FAMILIES["bert"])
    model = toys.load(saved("bert"))
    data = toys.prepared()
    still, lost = lora.train_lora(model, [config] * 2, runs, data, settings, toys.CPU, counted)
    assert counted.epochs == 2
    assert [point.epoch for point in still.validation] == [1, 2]
    assert (still.best_epoch, still.diverged_at, lost.diverged_at) == (1, None, 2)


def test_what_becomes_of_a_run_after_it_stopped_is_nobodys_concern() -> None:
    """Its row trains on beside the others; here it is made to diverge there."""
    log = _Log([lora_run(0), lora_run(1)], 3, Classification(), patience=1)
    labels = torch.tensor([0, 1, 1])
    right = torch.nn.functional.one_hot(labels, 2).float()
    wrong = 1 - right
    outputs = [torch.stack([right, wrong]), torch.stack([wrong, right])]
    for epoch, both in enumerate(outputs, 1):
        log.losses(torch.full((4, 2), float(epoch)))
        log.validation(epoch, 4 * epoch, both, labels)
    assert not log.over
    log.losses(torch.tensor([[torch.nan, 3.0]] * 4))
    log.validation(3, 12, torch.stack([right * torch.nan, wrong]), labels)
    assert log.over
    stopped, other = log.results(torch.stack([right, wrong]), [{}, {}])
    assert (stopped.diverged_at, stopped.best_epoch) == (None, 1)
    assert (stopped.loss_steps, stopped.loss_values) == ((3, 6, 8), (1.0, 5 / 3, 2.0))
    assert (other.best_epoch, other.loss_steps) == (2, (3, 6, 9, 12))


def train_heads(runs: Sequence[Run], keep: Sequence[int], **changes: Any) -> list[RunResult]:
    """Train heads on a frozen model and keep the epoch that is told of each run."""
    classifier = PackedClassifier(toys.load(saved("bert")), [run.seed for run in runs])
    every = dict(classifier.named_parameters())
    heads = {name: every[name] for name in classifier.head_names}
    parameters = FlatParameters(
        *(heads, len(runs), torch.float32), has_run_axis=lambda _: True, keep_fp32=lambda _: True
    )
    settings, feed = toys.train_settings(**changes), toys.token_feed(toys.prepared())
    assert isinstance(settings.epochs, int)
    given = (classifier, parameters, runs, feed, settings, settings.epochs)
    return train(*given, Progress("toy", len(runs)), keep_epochs=keep)


def test_runs_that_are_told_their_epochs_keep_them_whoever_trains_beside_them() -> None:
    runs = [Run("head_only", None, 0.05, seed) for seed in (0, 1, 2)]
    together = train_heads(runs, [3, 1, 2], epochs=4, early_stopping=1)
    assert [result.best_epoch for result in together] == [3, 1, 2]
    for run, result in zip(runs, together, strict=True):
        (alone,) = train_heads([run], [result.best_epoch], epochs=4, early_stopping=1)
        assert len(result.validation) == result.best_epoch
        assert result.loss_steps[-1] == 8 * result.best_epoch
        check_equal(result, alone)


@pytest.mark.parametrize("epoch", [0, 3])
def test_an_epoch_that_will_not_be_cannot_be_kept(epoch: int) -> None:
    with pytest.raises(ValueError, match="allowed: 1 to 2"):
        train_heads([Run("head_only", None, 0.05, 0)], [epoch], epochs=2)


def heads_of_steps(epochs: int) -> RunResult:
    """Train a head for 32 steps an epoch, on features that are computed once."""
    settings, model = toys.train_settings(batch_size=1), toys.load(saved("bert"))
    feed = head_only.features(model, toys.prepared(), settings, toys.CPU)
    given = (model, [Run("head_only", None, 0.05, 0)], feed, settings, epochs, toys.CPU)
    (result,) = head_only.train_head_only(*given, Progress("toy", 1))
    return result


def test_the_loss_curve_covers_every_step_once() -> None:
    (result,) = train_lora([lora_run(0)], epochs=2)
    assert result.loss_steps == tuple(range(1, 17))
    assert heads_of_steps(2).loss_steps == (*range(1, 65),)
    longer = heads_of_steps(4)
    assert longer.loss_steps[-1] == 128
    assert set(torch.tensor([0, *longer.loss_steps]).diff().tolist()) == {2}
    assert all(math.isfinite(value) for value in longer.loss_values)


def test_training_learns() -> None:
    (result,) = train_lora([lora_run(0, 0.02)], epochs=6, data=toys.prepared(train=128))
    assert result.loss_values[-1] < 0.7 * result.loss_values[0]
    assert result.validation[result.best_epoch - 1].score > 0.75
