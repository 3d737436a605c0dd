"""The README's results follow the records."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from checks import readme
from checks.readme import marks, with_block

START, END = marks("table")


def test_what_stands_between_the_marks_is_replaced_and_all_else_kept() -> None:
    text = f"above\n{START}\nold\n\n{END}below\n"
    new = with_block(text, "table", "| new |")
    assert new == f"above\n{START}\n| new |\n\n{END}below\n"
    assert with_block(new, "table", "| new |") == new


@pytest.mark.parametrize("text", ["no marks", START, END, START + START + END])
def test_a_readme_without_its_marks_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="stand once each"):
        with_block(text, "table", "| new |")


def test_results_that_are_not_the_records_are_named_and_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    contents = {"answer": "- It is 8.", "table": "| 80.1 |"}
    path = tmp_path / "README.md"
    text = "# Study\n"
    for name in contents:
        start, end = marks(name)
        text += f"{start}\n{contents[name]}\n\n{end}"
    path.write_text(text.replace("80.1", "80.2"))
    monkeypatch.setattr(readme, "pages", lambda: {path: contents})

    def call(*arguments: Any) -> None:
        monkeypatch.setattr(sys, "argv", ["readme", *arguments])
        readme.main()

    with pytest.raises(SystemExit):
        call()
    assert "table" in (said := capsys.readouterr().err)
    assert "answer" not in said
    call("--fix")
    assert path.read_text() == text
    call()
