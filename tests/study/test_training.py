"""The training loop: what it draws, what it keeps, when it gives up, and that it learns."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from study import lora_arm
from study.models import PackedClassifier
from study.packing import epoch_order
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
        lora_arm.adapt(model, [config] * len(seeds), seeds)
    feed = toys.token_feed(toys.prepared(), 4)
    labels = torch.cat([batch.labels for batch in feed.training(seeds, 1)], dim=1)
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


def test_the_best_epoch_is_what_is_kept_and_what_is_tested() -> None:
    runs = [lora_run(seed, 0.05) for seed in (0, 1, 2, 3)]
    results = train_lora(runs, epochs=4)
    assert len({result.best_epoch for result in results}) > 1
    data, config = toys.prepared(), toys.lora_config(FAMILIES["bert"])
    for result in results:
        accuracies = [point.accuracy for point in result.validation]
        assert [point.epoch for point in result.validation] == [1, 2, 3, 4]
        assert [point.step for point in result.validation] == [8, 16, 24, 32]
        assert result.best_epoch == 1 + accuracies.index(max(accuracies))
        model = toys.load(saved("bert"))
        classifier = PackedClassifier(model, [0])
        lora_arm.adapt(model, [config], [0])
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


def test_the_loss_curve_covers_every_step_once() -> None:
    (result,) = train_lora([lora_run(0)], epochs=2)
    assert result.loss_steps == tuple(range(1, 17))
    (long,) = train_lora([lora_run(0)], epochs=2, batch_size=1)
    assert long.loss_steps == (*range(1, 65),)
    (longer,) = train_lora([lora_run(0)], epochs=4, batch_size=1)
    assert longer.loss_steps[-1] == 128
    assert set(torch.tensor([0, *longer.loss_steps]).diff().tolist()) == {2}
    assert all(math.isfinite(value) for value in longer.loss_values)


def test_training_learns() -> None:
    (result,) = train_lora([lora_run(0, 0.02)], epochs=6, data=toys.prepared(train=128))
    assert result.loss_values[-1] < 0.7 * result.loss_values[0]
    assert result.validation[result.best_epoch - 1].accuracy > 0.75
