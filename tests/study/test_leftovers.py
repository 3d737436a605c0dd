"""What ranks left that are trained no more goes, and nothing else does."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.leftovers import prune


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A folder with the arms of ranks 1 and 16, and files of other kinds beside them."""
    for name in (
        *(f"data/adapters/r{rank}/s0/adapter_model.safetensors" for rank in (1, 16)),
        *(f"metrics/{kind}/lora-r{rank}.json" for kind in ("runs", "machine") for rank in (1, 16)),
        *(f"metrics/logits/lora-r{rank}.safetensors" for rank in (1, 16)),
        *("metrics/runs/full.json", "metrics/machine/headline.json", "metrics/summary.json"),
        *("data/adapters/readme", "data/adapters/r16.tar", "metrics/runs/lora-r16.json.bak"),
        *("data/adapters/rank16/notes", "data/headline/s0/adapter_model.safetensors"),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def files(folder: Path) -> set[str]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix() for path in found}


def test_what_is_gone_is_what_was_returned(study: Path) -> None:
    before = files(study)
    gone = prune(study, [1, 4])
    assert [path.as_posix() for path in gone] == [
        "data/adapters/r16",
        "metrics/runs/lora-r16.json",
        "metrics/logits/lora-r16.safetensors",
        "metrics/machine/lora-r16.json",
    ]
    assert before - files(study) == {
        "data/adapters/r16/s0/adapter_model.safetensors",
        *(path.as_posix() for path in gone[1:]),
    }
    assert not (study / "data/adapters/r16").exists()


def test_ranks_in_use_stay(study: Path) -> None:
    before = files(study)
    assert prune(study, (1, 16)) == []
    assert files(study) == before


def test_a_study_that_has_not_run(tmp_path: Path) -> None:
    assert prune(tmp_path, [8]) == []


def test_what_a_link_points_to_stays(study: Path) -> None:
    """DVC may be told to link data instead of copying it."""
    (study / "data/adapters/r32").symlink_to(study / "data/headline")
    assert Path("data/adapters/r32") in prune(study, [1, 16])
    assert (study / "data/headline/s0/adapter_model.safetensors").is_file()
