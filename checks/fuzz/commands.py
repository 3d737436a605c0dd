"""A few cases through the real command line: exit status 2, one error, and no traceback shown."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from checks.fuzz.edits import TEXTS
from checks.fuzz.judge import ROOT, Made
from study.entry.command import BAD_INPUT
from study.entry.errors import StudyError

WAIT = 600  # seconds by the clock: a stage imports for seconds of a processor
# Stage, what is wrong, the setting in whose place it stands, the name of the file of data.
CASES = (
    ("check", TEXTS["not a number"], "lora.alpha", ""),
    ("prepare", "a,b,c\n1,2\n", "", "data.csv"),
    ("check", TEXTS["open list"], "seeds", ""),
    ("prepare", '{"text": "\\ud800", "label": 1}\n', "", "data.jsonl"),
    ("check", TEXTS["merge of a word"], "data.where", ""),
    ("prepare", "", "", "data.parquet"),
)
_MARK = "place-of-the-text"


@dataclass
class Commands:
    """Cases of commands."""

    name: str = "commands"

    def ready(self, cases: int, seed: int, folder: Path) -> None:
        """Need nothing."""

    def make(self, number: int, folder: Path) -> Made:
        """Write a study with one thing that is wrong."""
        stage, wrong, key, data = CASES[number % len(CASES)]
        settings = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
        settings["data"] |= {"where": None, "name": str(folder / data) if data else "none.csv"}
        if key:
            section, _, name = key.rpartition(".")
            (settings[section] if section else settings)[name] = _MARK
        else:
            (folder / data).write_text(wrong, encoding="utf-8")
        text = yaml.safe_dump(settings).replace(_MARK, wrong)
        (folder / "params.yaml").write_text(text, encoding="utf-8")
        (folder / "metrics").mkdir()
        (folder / "metrics/checked.json").write_text('{"batching": "packed"}')
        return Made(
            f"{stage} {key or data}", lambda: _run(stage, folder), ("params.yaml", "data."), _wrong
        )


def _run(stage: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a stage as DVC does.

    Raises:
        StudyError: it ended as it should, with what it said.
    """
    command = [sys.executable, "-m", f"stages.{stage}", "--study", str(folder)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=WAIT
    )
    said = done.stderr.strip()
    if done.returncode == BAD_INPUT and said.startswith("error: ") and "Traceback" not in said:
        raise StudyError(said)
    return done


def _wrong(done: Any) -> str:
    shown = "a traceback" if "Traceback" in done.stderr else "no clear error"
    return f"exit status {done.returncode} and {shown}"


KIND = Commands()
