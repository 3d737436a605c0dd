"""The README's table follows the summary."""

from __future__ import annotations

import pytest

from checks.readme import END, START, with_table


def test_the_table_between_the_marks_is_replaced_and_all_else_kept() -> None:
    text = f"above\n{START}\nold\n\n{END}below\n"
    new = with_table(text, "| new |")
    assert new == f"above\n{START}\n| new |\n\n{END}below\n"
    assert with_table(new, "| new |") == new


@pytest.mark.parametrize("text", ["no marks", START, END, START + START + END])
def test_a_readme_without_its_marks_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="stand once each"):
        with_table(text, "| new |")
