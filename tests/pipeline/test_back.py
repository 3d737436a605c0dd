"""The way back after an experiment, through real DVC: `make back`."""

from __future__ import annotations

from pathlib import Path

from tests.pipeline.study import Done, Study


def go_back(study: Study) -> str:
    """Go back; return the line that says what state that is."""
    last = study.call("python", "-m", "checks.back").output.splitlines()[-1]
    assert study.call("git", "status", "--porcelain").output == ""
    return last


def test_six_refused_experiments_in_a_row_leave_nothing(study: Study) -> None:
    """The refused text is as long as the other, and DVC writes both within a second."""
    params = study.text("params.yaml")
    for _ in range(6):
        refused = study.call("dvc", "exp", "run", "-S", "lora.rank=0", status=None)
        assert refused.status != 0
        assert "lora.rank" in refused.output
        assert study.text("params.yaml") != params
        assert go_back(study).endswith("; nothing to run")
        assert study.text("params.yaml") == params
    assert study.repro().ran == []


def test_an_added_rank_leaves_nothing(rank_more: tuple[Study, Done], tmp_path: Path) -> None:
    study = rank_more[0].copy(tmp_path / "study")
    assert (study.root / "data/adapters/r4").is_dir()
    assert go_back(study).endswith("; nothing to run")
    left = [*study.root.glob("data/adapters/r4"), *study.root.glob("metrics/*/lora-r4.*")]
    assert left == []
    assert "up to date" in study.call("dvc", "status").output
    assert study.repro().ran == []
