"""Who has a class that is most of the sentences hears it before anything trains."""

from __future__ import annotations

import pytest

from study.words.balance import MOST, balance_words


def test_the_common_class_is_named_with_another_metric() -> None:
    words = balance_words({"admin": 0.09, "net": 0.14, "utils": 0.77}, "accuracy")
    assert words is not None
    assert words.startswith("77 % of the sentences to train on are of the class 'utils'")
    assert words.endswith("dvc exp run -S statistics.metric=macro_f1")


@pytest.mark.parametrize("metric", ["macro_f1", "balanced_accuracy"])
def test_who_counts_every_class_the_same_already_is_told_nothing(metric: str) -> None:
    assert balance_words({"a": 0.9, "b": 0.1}, metric) is None


@pytest.mark.parametrize(("share", "said"), [(0.5, False), (0.6, False), (0.67, True), (0.9, True)])
def test_from_two_thirds_on(share: float, said: bool) -> None:
    assert (balance_words({"a": share, "b": 1 - share}, "accuracy") is not None) == said
    assert (share >= MOST) == said


def test_numbers_have_no_classes() -> None:
    assert balance_words({}, "accuracy") is None
