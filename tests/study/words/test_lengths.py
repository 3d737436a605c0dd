"""Who has long texts hears how many are cut, and which setting reads more of them."""

from __future__ import annotations

from typing import Any

import pytest

from study.words.lengths import cut_off, cut_words

REVIEWS = {
    "truncated_share": 0.88,
    "length_p50": 230,
    "length_p75": 390,
    "length_p95": 800,
    "length_max": 1500,
}


@pytest.mark.parametrize(
    ("limit", "setting"),
    [
        (None, "data.max_length=448"),  # three quarters whole
        (512, "data.max_length=448"),
        (256, "data.max_length=256"),  # no more than the model reads
    ],
)
def test_the_setting_reads_more_and_the_model_can(limit: int | None, setting: str) -> None:
    words = cut_words(REVIEWS, 128, limit)
    assert words.startswith("88 % of the sentences to train on are longer")
    assert "half have 230 tokens or more" in words
    assert words.endswith(f"dvc exp run -S {setting}")


@pytest.mark.parametrize(("p75", "p95", "setting"), [(100, 180, 192), (100, 120, 256)])
def test_where_three_quarters_are_short_the_setting_is_still_larger(
    p75: int, p95: int, setting: int
) -> None:
    split: dict[str, Any] = REVIEWS | {"length_p75": p75, "length_p95": p95, "length_max": 200}
    assert cut_words(split, 128, 512).endswith(f"data.max_length={setting}")


def test_a_model_that_reads_no_more_is_not_asked_to() -> None:
    words = cut_words(REVIEWS, 512, 512)
    assert words.endswith("The model reads no more")
    assert "dvc exp run" not in words


@pytest.mark.parametrize(("share", "said"), [(0.0, False), (0.09, False), (0.1, True)])
def test_a_few_long_texts_are_not_worth_saying(share: float, said: bool) -> None:
    assert cut_off({"truncated_share": share}) == said
