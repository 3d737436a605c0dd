"""The page opens offline, says the sentence first, and escapes what it is given."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from audit.command import Asked, audit
from audit.directions import directions
from audit.page import page
from audit.record import record
from audit.saved import read
from audit.updates import Updates
from study.entry.errors import StudyError
from tests.audit.test_saved import write


def told(folder: Path) -> dict[str, Any]:
    saved = read(folder)
    return record(Updates(saved), directions(saved.factors()), None)


def test_the_page_holds_all_that_it_shows(tmp_path: Path) -> None:
    said = list(audit(Asked(str(write(tmp_path / "adapter")), html=tmp_path / "page.html")))
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert not re.search(r'(?:src|href)="(?!data:)', text)
    assert "url(" not in text
    assert "<script" not in text
    assert "data:image/svg+xml;base64," in text
    sentence = said[0].replace(" %", "\N{NO-BREAK SPACE}%")
    assert text.index(sentence) < text.index("<figure") < text.index("<table")
    assert "bert.encoder.layer.0.attention.self.query" in text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["adapter", "page.html"]


def test_names_are_escaped(tmp_path: Path) -> None:
    name = "<script>alert(1)</script>"
    folder = write(tmp_path / "adapter", base_model_name_or_path=name)
    text = page(told(folder))
    assert name not in text
    assert "&lt;script&gt;" in text


def test_the_same_adapter_gives_the_same_page(tmp_path: Path) -> None:
    folder = write(tmp_path / "adapter")
    assert page(told(folder)) == page(told(folder))


def test_a_page_that_cannot_be_written_is_one_error(tmp_path: Path) -> None:
    folder = write(tmp_path / "adapter")
    (tmp_path / "taken").mkdir()
    with pytest.raises(StudyError, match="--html"):
        list(audit(Asked(str(folder), html=tmp_path / "taken")))
