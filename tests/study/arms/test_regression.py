"""A regression: the loss and its gradient are transformers' own, and every arm learns numbers."""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean

import pytest
import torch
from torch.func import functional_call
from transformers import AutoModelForSequenceClassification

from study.arms import arm as arms
from study.arms import full, head_only
from study.models.packed import PackedClassifier, load_for
from study.records.prepared import Batching, Prepared, Split
from study.training.loop import Run, RunResult
from study.training.progress import Progress
from tests.lora.models import FAMILIES
from tests.study import toys
from tests.study.toys import CPU, saved


def numbers(split: Split) -> Split:
    """Label sentences by how small their ids are, as a fraction of a tenth."""
    means = [ids.double().mean() for ids in split.input_ids.split(split.lengths.tolist())]
    return replace(split, labels=1 - torch.stack(means).float() / 32)


def data(batching: Batching = "packed", metric: str = "pearson") -> Prepared:
    drawn = toys.prepared(train=64)
    splits = {name: numbers(getattr(drawn, name)) for name in ("train", "validation", "test")}
    how = {"label_names": (), "task": "regression", "metric": metric, "batching": batching}
    return replace(drawn, **splits, **how)


@pytest.mark.parametrize("batching", ["packed", "padded"])
def test_loss_and_gradient_are_transformers_own(batching: Batching) -> None:
    folder, given = saved("bert"), data(batching)
    model = load_for(given, str(folder), torch.float32)
    classifier = PackedClassifier(model, [0])
    (batch,) = next(iter(toys.token_feed(given, 8).training([0], 1)))
    views = {name: p.detach().requires_grad_() for name, p in classifier.named_parameters()}
    outputs = functional_call(classifier, views, (batch,))
    ours = classifier.objective.loss(outputs, batch.labels)
    ours.sum().backward()

    theirs = AutoModelForSequenceClassification.from_pretrained(
        folder,
        num_labels=1,
        problem_type="regression",
        attn_implementation="eager",
        ignore_mismatched_sizes=True,
    ).eval()
    with torch.no_grad():
        theirs.classifier.weight.copy_(views["model.classifier.weight"][0])
        theirs.classifier.bias.copy_(views["model.classifier.bias"][0])
    first, last = batch.first[0], batch.last[0]
    rows = [batch.input_ids[0, f : e + 1] for f, e in zip(first, last, strict=True)]
    ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    mask = (torch.arange(ids.shape[1]) <= (last - first)[:, None]).long()
    loss = theirs(input_ids=ids, attention_mask=mask, labels=batch.labels[0]).loss
    loss.backward()
    torch.testing.assert_close(ours[0], loss, rtol=1e-5, atol=1e-6)
    for name, parameter in theirs.named_parameters():
        own = views[f"model.{name}"].grad
        assert own is not None
        torch.testing.assert_close(own.view_as(parameter), parameter.grad, rtol=1e-3, atol=1e-5)


def trained(kind: str, metric: str) -> tuple[list[RunResult], arms.Size, Prepared]:
    given, settings = data(metric=metric), toys.train_settings(epochs=6)
    folder = str(saved("bert"))
    quiet = Progress("toy", 1)
    run = Run(kind, 2 if kind == "lora" else None, 3e-2 if kind == "head_only" else 3e-3, 0)
    size = arms.Size(1, 1, 2, 3)
    model = load_for(given, folder, torch.float32)
    if kind == "head_only":
        feed = head_only.features(model, given, settings, CPU)
        return head_only.train_head_only(model, [run], feed, settings, 30, CPU, quiet), size, given
    if kind == "full":
        run = replace(run, learning_rate=3e-4)
        return full.train_full(model, [run], given, settings, CPU, quiet), size, given
    config = toys.lora_config(FAMILIES["bert"], 2)
    return toys.lora.train_lora(model, [config], [run], given, settings, CPU, quiet), size, given


@pytest.mark.parametrize(
    ("kind", "metric"), [("head_only", "spearman"), ("full", "pearson"), ("lora", "rmse")]
)
def test_every_arm_learns_numbers_and_keeps_its_best_epoch(kind: str, metric: str) -> None:
    results, size, given = trained(kind, metric)
    record = arms.record(results, given, size)
    (run,) = record.runs
    assert record.metric == metric
    assert record.test_labels == tuple(given.test.labels.tolist())
    assert run.test_predictions == tuple(results[0].test_logits[:, 0].tolist())
    scores = [point.score for point in run.validation]
    assert run.validation_score == (min if metric == "rmse" else max)(scores)
    quarter = len(run.loss_values) // 4
    assert fmean(run.loss_values[-quarter:]) < 0.8 * fmean(run.loss_values[:quarter])
    assert type(record).from_json(record.to_json()) == record
    assert f"test_{metric}" in record.to_json()["runs"][0]


def test_epochs_are_kept_by_the_metric_and_the_pick_of_a_rate_follows_it() -> None:
    given = toys.prepared()
    for metric in ("accuracy", "log_loss", "matthews"):
        of_metric = replace(given, metric=metric)
        model = load_for(of_metric, str(saved("bert")), torch.float32)
        feed = head_only.features(model, of_metric, toys.train_settings(), CPU)
        runs = [Run("head_only", None, rate, 0) for rate in (1e-3, 0.3)]
        results = [
            head_only.train_head_only(
                model, [run], feed, toys.train_settings(), 8, CPU, Progress("toy", 1)
            )[0]
            for run in runs
        ]
        record = arms.record(results, of_metric, arms.Size(1, 0, 1, 1))
        pick = min if metric == "log_loss" else max
        assert (
            record.learning_rate
            == pick(record.runs, key=lambda run: run.validation_score).learning_rate
        )
        for run in record.runs:
            scores = [point.score for point in run.validation]
            assert scores[run.best_epoch - 1] == pick(scores) == run.validation_score
            assert (run.test_losses is not None) == (metric == "log_loss")
        assert type(record).from_json(record.to_json()) == record
