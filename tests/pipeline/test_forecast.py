"""`python -m forecast` on a study that has not run, and on one that has."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from study.settings import whole
from tests.pipeline.conftest import Reproduced
from tests.pipeline.study import ALL_STAGES, Study, create

COMMAND = (sys.executable, "-m", "forecast")
LAST = r"about \d+ (?:second|minute)s?, [\d.]+ [MG]iB \(\d+ MiB of disk\)"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A study of which nothing has run."""
    return create(tmp_path_factory.mktemp("fresh") / "study")


def test_before_anything_ran_every_stage_is_foreseen_and_nothing_is_written(fresh: Study) -> None:
    said = fresh.call(*COMMAND, "-S", "lora.ranks=[1,2,4]").output
    # The table comes first; words below it may begin like a stage.
    rows = {line.split()[0]: line for line in reversed(said.splitlines()) if line.strip()}
    assert {*ALL_STAGES, "lora@4"} <= set(rows)
    assert [rows[s] for s in {*ALL_STAGES, "lora@4"} if " runs " not in rows[s]] == []
    assert "one more rank (8)" in said
    assert re.fullmatch(LAST, said.splitlines()[-1])
    assert fresh.call("git", "status", "--porcelain").output == ""


def test_a_wrong_change_is_one_clear_error(fresh: Study) -> None:
    done = fresh.call(*COMMAND, "-S", "lora.rnak=3", status=2)
    assert done.output.startswith("error: -S lora.rnak=3: ")
    assert "Traceback" not in done.output


def test_memory_that_is_too_small_is_said_with_what_would_fit(fresh: Study) -> None:
    done = fresh.call(*COMMAND, "--memory", "0.01")
    assert "it does not fit stated memory of 10 MiB" in done.output


def test_after_it_ran_nothing_is_to_run_and_a_rank_more_is_that_rank(
    reproduced: Reproduced, tmp_path: Path
) -> None:
    study = reproduced.study.copy(tmp_path / "study")
    assert study.call(*COMMAND).output.splitlines()[-1].startswith("nothing to run")
    said = json.loads(study.call(*COMMAND, "--json", "-S", "lora.ranks=[1,2,4]").output)
    trained = {
        n for n, s in said["stages"].items() if s["runs"] == "runs" and s["training"]["alone"]
    }
    assert trained == {"lora@4"}
    assert said["total"]["alone"] < sum(s["seconds"]["alone"] for s in said["stages"].values())
    assert whole.load(study.root / "params.yaml").lora.ranks == (1, 2)
