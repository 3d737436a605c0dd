"""The control on shuffled labels: the same but for what the labels say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from study.arms.full import FullArm, train_full
from study.arms.shuffled import kept_epochs, shuffle_labels
from study.entry.errors import StudyError
from study.models.objective import Classification
from study.records.prepared import Prepared
from study.records.runs import ArmRecord
from study.training.loop import Run, RunResult
from study.training.progress import Progress
from tests.study.executor_arms import toy_settings
from tests.study.fake_records import fake_arm
from tests.study.toys import CPU, load, prepared, saved, train_settings


def trained(data: Prepared, keep: int | None, **changes: Any) -> RunResult:
    run = Run("full", None, 0.003, 0)
    settings, progress = train_settings(**changes), Progress("toy", 1)
    model = load(saved("bert"), 0.1, torch.float32)
    epochs = None if keep is None else [keep]
    (result,) = train_full(model, [run], data, settings, CPU, progress, keep_epochs=epochs)
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
        result = trained(labels, 4, epochs=4)
        right = (result.test_predictions == data.test.labels).double().mean()
        accuracy.append(float(right))
    commonest = float(data.test.labels.double().mean())
    assert accuracy[0] > max(commonest, 1 - commonest) + 0.05
    assert accuracy[1] < accuracy[0] - 0.1


@pytest.mark.parametrize("keep", [1, 3, 5])
def test_the_epoch_of_the_run_on_the_task_is_kept_and_nothing_stops_before_it(keep):
    """Whatever validation says of it; what comes after it is not trained."""
    result = trained(shuffle_labels(prepared()), keep, epochs=5, early_stopping=1)
    assert result.best_epoch == keep
    assert [point.epoch for point in result.validation] == list(range(1, keep + 1))
    assert result.loss_steps[-1] == 8 * keep


def test_the_kept_epoch_is_that_of_a_run_that_went_on_to_the_bit(monkeypatch):
    """The schedule is that of all epochs: a run on the task that was kept there is the same."""
    monkeypatch.setattr(Classification, "better", lambda _, point, __: point.epoch == 3)
    whole, result = (trained(prepared(), keep, epochs=5) for keep in (None, 3))
    assert (whole.best_epoch, len(whole.validation)) == (3, 5)
    assert result.validation == whole.validation[:3]
    assert result.loss_values == whole.loss_values[:24]
    assert torch.equal(result.test_logits, whole.test_logits)
    assert torch.equal(result.validation_logits, whole.validation_logits)
    assert result.state.keys() == whole.state.keys()
    assert all(torch.equal(x, whole.state[name]) for name, x in result.state.items())


def task(*kept: int) -> ArmRecord:
    """Full fine-tuning of seeds 0, 1 and so on, kept at these epochs; other rates elsewhere."""
    full = fake_arm("full", seeds=range(len(kept)), num_sentences=20, learning_rates=(0.1, 0.2))
    of = {full.learning_rate: dict(enumerate(kept))}
    runs = [replace(r, best_epoch=of.get(r.learning_rate, {}).get(r.seed, 9)) for r in full.runs]
    return replace(full, runs=tuple(runs))


def test_each_seed_of_the_control_is_kept_at_its_epoch_on_the_task():
    assert kept_epochs(task(2, 3, 1), [2, 0, 1], 3) == {0: 2, 1: 3, 2: 1}


@pytest.mark.parametrize(("seeds", "epochs"), [([0, 1, 3], 3), ([0, 1], 2)])
def test_runs_of_other_seeds_or_epochs_are_refused(seeds, epochs):
    with pytest.raises(StudyError, match="run `dvc repro full`"):
        kept_epochs(task(2, 3, 1), seeds, epochs)


def test_an_arm_keeps_each_seeds_own_epoch():
    chosen = replace(toy_settings(), train=train_settings(epochs=3))
    arm = FullArm(chosen, prepared(), keep_epochs={0: 2, 1: 1})
    for seed, epoch in ((1, 1), (0, 2)):
        (result,) = arm([Run("full", None, 0.003, seed)], Progress("toy", 1))
        assert (result.best_epoch, len(result.validation)) == (epoch, epoch)
