"""Counted tokens against the trainer's own batches."""

from __future__ import annotations

import pytest

from forecast.lengths import each_step, steps_of
from tests.study import toys

DATA = toys.prepared(train=30)


@pytest.mark.parametrize("seeds", [(0,), (0, 1, 2)])
def test_each_step_has_the_tokens_of_the_trainer_s_batch(seeds: tuple[int, ...]) -> None:
    for epoch in (1, 2):
        batches = [step[0] for step in toys.token_feed(DATA).training(seeds, epoch)]
        assert each_step(DATA.train, seeds, 4, epoch) == [b.input_ids.numel() for b in batches]


def test_mean_and_largest_are_of_the_epochs_that_were_counted() -> None:
    seeds = (0, 1)
    every = [n for epoch in (1, 2) for n in each_step(DATA.train, seeds, 4, epoch)]
    found = steps_of(DATA.train, seeds, 4)
    assert found.largest == max(every)
    assert found.mean == pytest.approx(sum(every) / len(every))


def test_the_sentences_of_the_largest_step_are_a_batch_of_it() -> None:
    long = toys.split(40, 7, longest=200)
    found = steps_of(long, (0, 1), 4)
    alone = each_step(long.chosen(found.sentences), (0, 1), 4)
    assert len(found.sentences) == 4
    assert alone == [found.largest]
