"""A few steps of the study's trainer, and what of them is timed."""

from __future__ import annotations

import pytest
import torch

from study.analyses.cost import throughput
from study.analyses.cost.throughput import StepTimer, Trainer
from tests.lora.models import Family
from tests.study.analyses.cost import small
from tests.study.toys import each_family

CPU = torch.device("cpu")


@each_family
def test_every_arm_trains_on_the_first_test_sentences(family: Family):
    study, made = small.chosen(family.name), small.data(family.name, classes=3)
    trainer = Trainer(study, made, CPU)
    tokens = int(made.test.lengths[:10].sum())
    for arm, rank, epochs in (("head_only", None, 3), ("lora", 1, 1), ("full", None, 1)) * 2:
        found = trainer.train(arm, rank)
        assert (found.sentences, found.tokens) == (epochs * 10, epochs * tokens)
        assert found.seconds > 0


def test_full_fine_tuning_keeps_the_embedding_of_every_token_in_the_data(monkeypatch):
    """Not of those in the few sentences alone: its size is what the study's is."""
    seen = []
    monkeypatch.setattr(throughput.full, "train_full", lambda model, *_: seen.append(model) or [])
    study, made = small.chosen(cost={"sentences": 1}), small.data()
    Trainer(study, made, CPU).train("full", None)
    every = torch.cat([made.train.input_ids, made.validation.input_ids, made.test.input_ids])
    assert seen[0].get_input_embeddings().num_embeddings == len({0, *every.tolist()})


def test_steps_are_timed_and_evaluation_is_not(monkeypatch):
    now = 0.0

    def passes(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(throughput.time, "perf_counter", lambda: now)
    timer = StepTimer(lambda: None)
    passes(1000)  # loading
    timer.start([object()], 4)
    for _ in range(2):  # epochs
        for seconds in (1, 2):
            passes(seconds)
            timer.step([])
        passes(100)  # validation
        timer.epoch(1, [], [], "accuracy")
    passes(100)  # test
    timer.finish()
    assert timer.seconds == pytest.approx(6)
