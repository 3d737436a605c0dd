"""Verdicts by counting and by a published interval."""

from __future__ import annotations

import pytest

from study.claims.verdicts import FAILS, HOLDS, UNTOLD, exactly, inside


def test_what_is_counted_is_true_or_false():
    assert (exactly(True), exactly(False)) == (HOLDS, FAILS)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-0.1, 0.1, HOLDS),
        (-1.0, 1.0, HOLDS),
        (1.1, 1.2, FAILS),
        (-1.2, -1.1, FAILS),
        (0.9, 1.1, UNTOLD),
        (-1.1, -0.9, UNTOLD),
        (-2.0, 2.0, UNTOLD),
    ],
)
def test_an_interval_lies_inside_or_outside_or_neither(low, high, verdict):
    assert inside(low, high, -1.0, 1.0) == verdict
