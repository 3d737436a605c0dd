"""docs/settings.md has every setting, and says rightly which stages read it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from study.entry.parser import leaves
from tests.pipeline.declared import MAIN, SETTINGS

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
TRAINING = {"head_only", "full", "shuffled_labels", "lora", "headline"}
ALL = {"check", "report"}  # that read every setting, as the page says once; `check` of others too


def read_yaml(path: Path) -> Any:
    return YAML(typ="safe").load(path.read_text(encoding="utf-8"))


def told(file: str) -> dict[str, set[str]]:
    """What the page tells: the stages of each setting."""
    (part,) = re.findall(rf"^## {re.escape(file)}$(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    rows = re.findall(r"^\| `([\w.]+)` \| .+ \| ([^|]+) \|$", part, re.MULTILINE)
    assert len(dict(rows)) == len(rows)
    return {
        key: set(re.findall(r"`([^`]+)`", cell))
        | (TRAINING if re.search(r"\btraining\b", cell) else set())
        for key, cell in rows
    }


def declared(file: str) -> dict[str, set[str]]:
    """What the pipeline that is beside a params file declares."""
    known = leaves(SETTINGS[file])
    found: dict[str, set[str]] = {key: set() for key in known}
    for name, stage in read_yaml((ROOT / file).with_name("dvc.yaml"))["stages"].items():
        for row in stage.get("params", []):
            for other, keys in (row if isinstance(row, dict) else {MAIN: [row]}).items():
                for key in keys or [""] if other == file else []:
                    names = [key]
                    if "${item.name}" in key:
                        names = read_yaml(ROOT / file)[stage["matrix"]["name"].strip("${}")]
                    for setting in known:
                        if any(not n or f"{setting}.".startswith(f"{n}.") for n in names):
                            # A block's stage reads what its arm's does, as the page says once.
                            found[setting].add(name.removesuffix("_block"))
    return {key: stages - ALL for key, stages in found.items()}


@pytest.mark.parametrize("file", SETTINGS)
def test_every_setting_and_the_stages_that_read_it(file: str) -> None:
    expected = declared(file)
    if file == MAIN:  # read by what measures times alone
        timed = {key for key in expected if key.startswith("cost.")}
        assert not any(expected[key] for key in timed)
        expected |= {key: {"timings/dvc.yaml"} for key in timed}
        assert not expected["statistics.budget"]
        expected |= {"statistics.budget": {"make answer"}}
    assert told(file) == expected
