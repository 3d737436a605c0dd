"""The written parts of methods/README.md."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks import readme
from study.studies.methods.pages.page import blocks
from tests.study.studies.methods.made import machine, record

PAGE = Path(__file__).resolve().parents[4] / "methods/README.md"


@pytest.mark.parametrize("left_out", [None, "lora", "prefix"])
def test_every_part_has_its_place_on_the_page(left_out: str | None) -> None:
    for measured in (machine(), None):
        text = PAGE.read_text(encoding="utf-8")
        for name, content in blocks(record(left_out), measured).items():
            text = readme.with_block(text, name, content)
        assert "*It is so.* **Holds.**" in text


def test_the_picture_is_told_in_words_that_fit_a_link() -> None:
    picture = blocks(record(), None)["picture"]
    assert picture.startswith("![Test accuracy of each method")
    assert picture.endswith("](plots/methods.png)")
    words = picture.removeprefix("![").removesuffix("](plots/methods.png)")
    assert not set("[]\n") & set(words)
