"""Numbers and lists in sentences, for one of a thing and for many."""

from __future__ import annotations

import pytest

from study.words import phrases


@pytest.mark.parametrize(
    ("number", "written"), [(0, "0 seeds"), (1, "1 seed"), (2, "2 seeds"), (3000, "3,000 seeds")]
)
def test_one_is_singular(number, written):
    assert phrases.counted(number, "seed") == written


@pytest.mark.parametrize(
    ("items", "written"), [([], ""), ([1], "1"), ([1, 2], "1 and 2"), ([1, 2, 4], "1, 2 and 4")]
)
def test_lists_end_with_and(items, written):
    assert phrases.listed(items) == written


@pytest.mark.parametrize(
    ("gap", "written"),
    [
        (-0.0124, "1.2 points below full"),
        (0.003, "0.3 points above full"),
        (0.0004, "level with full"),
        (-0.0004, "level with full"),
    ],
)
def test_a_difference_says_which_way_it_goes(gap, written):
    assert phrases.apart(gap, "full") == written


@pytest.mark.parametrize(
    ("value", "written"), [(0.5, "0.5 points"), (1.0, "1 point"), (2.0, "2 points")]
)
def test_a_margin_of_one_is_a_point(value, written):
    assert phrases.margin(value) == written


@pytest.mark.parametrize(
    ("fraction", "written"),
    [(1.0, "100 %"), (0.0016542, "0.165 %"), (3.4e-5, "0.0034 %"), (12.5, "1,250 %")],
)
def test_a_share_keeps_three_figures(fraction, written):
    assert phrases.share(fraction) == written


@pytest.mark.parametrize(
    ("number", "rounded"), [(4, 4), (24, 24), (288, 290), (29723, 30000), (118891, 120000)]
)
def test_a_rough_count_keeps_two_figures(number, rounded):
    assert phrases.rough(number) == rounded


def test_p_values_have_two_figures_and_an_end():
    assert phrases.p_words(0.0345) == "p = 0.035"
    assert phrases.p_words(0.5) == "p = 0.5"
    assert phrases.p_words(9e-5) == "p < 0.0001"
