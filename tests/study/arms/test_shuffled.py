"""The control on shuffled labels: the same but for what the labels say."""

from __future__ import annotations

from typing import Any

import torch

from study.arms.full import train_full
from study.arms.shuffled import shuffle_labels
from study.records.prepared import Prepared
from study.training.loop import Run, RunResult
from study.training.progress import Progress
from tests.study.toys import CPU, load, prepared, saved, train_settings


def trained(data: Prepared, **changes: Any) -> RunResult:
    run = Run("full", None, 0.003, 0)
    settings, progress = train_settings(**changes), Progress("toy", 1)
    model = load(saved("bert"), 0.0, torch.float32)
    (result,) = train_full(model, [run], data, settings, CPU, progress, keep_last=True)
    return result


def test_only_the_training_labels_move_and_classes_keep_their_shares():
    data = prepared(train=64)
    shuffled = shuffle_labels(data)
    assert shuffled.validation is data.validation
    assert shuffled.test is data.test
    assert shuffled.train.input_ids is data.train.input_ids
    assert not torch.equal(shuffled.train.labels, data.train.labels)
    assert torch.equal(shuffled.train.labels.bincount(), data.train.labels.bincount())


def test_every_run_of_the_control_sees_the_same_labels():
    one, two = (shuffle_labels(prepared(train=64)).train.labels for _ in range(2))
    assert torch.equal(one, two)


def test_nothing_is_left_to_be_learned():
    """With the task's labels the toy is learned; with shuffled ones the test stays at guessing."""
    data = prepared(train=600, test=400)
    accuracy = []
    for labels in (data, shuffle_labels(data)):
        result = trained(labels, epochs=4)
        right = (result.test_predictions == data.test.labels).double().mean()
        accuracy.append(float(right))
    commonest = float(data.test.labels.double().mean())
    assert accuracy[0] > max(commonest, 1 - commonest) + 0.05
    assert accuracy[1] < accuracy[0] - 0.1


def test_the_last_epoch_is_kept_and_nothing_stops_early():
    result = trained(shuffle_labels(prepared()), epochs=5, early_stopping=1)
    assert result.best_epoch == 5
    assert len(result.validation) == 5
