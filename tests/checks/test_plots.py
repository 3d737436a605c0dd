"""DVC's plots have the colours of the figures, which a user changes in one place."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

import pytest

from checks import plots
from study.pages.figures import style

TEMPLATES = Path(__file__).parents[2] / ".dvc/plots"
COLOUR = re.compile(r"#[0-9a-fA-F]{6}\b")


def found(folder: Path) -> dict[str, list[str]]:
    """Return every colour of every template."""
    return {path.name: COLOUR.findall(path.read_text()) for path in folder.glob("*.json")}


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["plots", *arguments])
    plots.main()


def test_a_colour_that_is_changed_in_the_style_is_missed_and_then_written_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(TEMPLATES, tmp_path / "plots")
    monkeypatch.setattr(plots, "TEMPLATES", tmp_path / "plots")
    call(monkeypatch)  # as committed
    before = found(tmp_path / "plots")
    full = style.ARMS["full"]
    other = style.Look("#123456", full.marker, full.dashes)
    monkeypatch.setitem(style.ARMS, "full", other)
    with pytest.raises(SystemExit):
        call(monkeypatch)
    said = capsys.readouterr().err
    assert said.rstrip().endswith("run: make plots")
    assert "accuracy_vs_rank.json" in said
    assert "theory_bound.json" not in said
    assert found(tmp_path / "plots") == before
    call(monkeypatch, "--fix")
    after = found(tmp_path / "plots")
    for name, colours in before.items():
        mended = "accuracy" in name
        assert after[name] == [
            other.color if mended and colour == full.color else colour for colour in colours
        ]
    call(monkeypatch)


def test_no_colour_of_a_template_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """With all the figures' colours replaced none of the old ones is left, and all is JSON."""
    replaced = {name: f"#{place:06d}" for place, name in enumerate(plots.colours(), 1)}
    monkeypatch.setattr(style, "GREY", "#999999")
    for path in TEMPLATES.glob("*.json"):
        text = plots.coloured(path.read_text(), replaced)
        json.loads(text)
        left = set(COLOUR.findall(text))
        assert left
        assert left <= {*replaced.values(), "#999999"}, path.name


def test_a_series_without_a_colour_is_an_error() -> None:
    text = '"domain": ["LoRA", "new"],\n "range": ["#000000", "#000001"]'
    with pytest.raises(KeyError, match="new"):
        plots.coloured(text, plots.colours())
