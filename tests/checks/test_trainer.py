"""The four tasks of the packaged reviews, each trained small by the study and by Trainer with PEFT.

At the size of the default model they take minutes: `python -m checks.trainer`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification
from transformers.utils import logging

from checks.trainer import compare, ours, table, tasks
from checks.trainer.compare import EARLY, LOSSES, Outcome
from checks.trainer.ours import FULL, LORA, Sizes
from checks.trainer.tasks import TASKS, Review, Task
from study.metrics.measure import MEASURES
from study.settings import whole
from study.sources.resolve import resolve_model

ROOT = Path(__file__).resolve().parents[2]
each_task = pytest.mark.parametrize("task", TASKS, ids=[task.name for task in TASKS])
SOUND = Outcome("pairs", FULL, 48, 1e-7, 1e-5, 1e-6, (2, 2), {"accuracy": (0.71234, 0.7)}, 1e-16)


SMALL = Sizes(train=60, validation=40, test=60, epochs=2, batch_size=12, max_length=32)


def small_model(folder: Path) -> Path:
    """Save a BERT of random weights that reads with the default model's tokenizer."""
    name = whole.load(ROOT / "params.yaml").model.name
    tokenizer = AutoTokenizer.from_pretrained(resolve_model(name))
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=24, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=64, initializer_range=0.2,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@cache
def reviews() -> list[Review]:
    return ours.reviews()


@cache
def some(task: Task) -> list[tasks.Row]:
    return list(islice(task.rows(reviews()), 300))


@each_task
def test_a_small_model_trains_as_with_trainer_and_peft(task: Task, tmp_path: Path) -> None:
    logging.disable_progress_bar()
    sizes = replace(SMALL, model=str(small_model(tmp_path / "model")))
    outcomes = list(compare.run(task, reviews(), sizes, ROOT))
    assert [outcome.arm for outcome in outcomes] == [LORA, FULL]
    for outcome in outcomes:
        assert outcome.right, table.line(outcome)
        assert outcome.steps == 10
        assert outcome.metrics.keys() == MEASURES[task.task].keys()  # type: ignore[index]


@each_task
def test_rows_share_no_text(task: Task) -> None:
    texts = [row[column] for row in some(task) for column in task.columns]
    assert len(set(texts)) == len(texts) == 300 * len(task.columns)


def test_labels_are_as_frequent_as_they_are_said_to_be() -> None:
    pairs, genres, rare, lengths = ([row["label"] for row in some(task)] for task in TASKS)
    assert Counter(pairs) == {1: 150, 0: 150}
    assert set(Counter(genres).values()) == {30}
    assert len(set(genres)) == 10
    assert Counter(rare) == {"critic": 270, "viewer": 30}
    assert abs(np.mean(lengths)) < 0.2
    assert abs(np.std(lengths) - 1) < 0.2


def test_a_genre_is_not_named_and_a_length_is_that_of_its_text() -> None:
    _, genres, _, lengths = TASKS
    for row in some(genres):
        assert row["label"] not in row["text"].lower().split()
        assert "film" in row["text"]
    rows = sorted(some(lengths), key=lambda row: row["label"])
    words = [len(row["text"].split()) for row in rows]
    assert words == sorted(words)
    assert words[0] < words[-1]


def test_too_few_rows_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="pairs: 0 rows, not 5"):
        tasks.write(tmp_path / "texts.csv", TASKS[0], [], 5)


def test_what_is_too_far_apart_or_no_number_is_wrong() -> None:
    assert SOUND.right
    nan = float("nan")
    for changed in (
        {"early": 2 * EARLY}, {"early": nan}, {"losses": 2 * LOSSES[FULL]}, {"losses": nan},
        {"outputs": 1.0}, {"outputs": nan},
        {"formulas": 1e-6}, {"formulas": nan}, {"epochs": (1, 2)},
    ):  # fmt: skip
        wrong = replace(SOUND, **changed)
        assert not wrong.right
        assert "WRONG" in table.line(wrong)


def test_the_page_gets_the_tables_once_and_keeps_the_rest() -> None:
    page = table.written("# Metrics\n\nold\n", [SOUND])
    assert page.startswith("# Metrics\n\nold\n\n" + table.START)
    assert page.endswith(table.END)
    assert "| pairs | full | 48 | 1e-07 | 1e-05 | 1e-06 | 2 |\n" in page
    assert "| pairs | full | `accuracy` | 0.7123 | 0.7000 |\n" in page
    assert table.written(page, [SOUND]) == page
