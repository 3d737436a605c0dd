"""Changes of a forecast: what `dvc exp run -S` makes of them, or one clear error."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides

from forecast.asked import asked
from study.entry.errors import StudyError
from study.settings import whole

PARAMS = Path(__file__).resolve().parents[2] / "params.yaml"


@pytest.fixture
def params(tmp_path: Path) -> Path:
    return shutil.copy(PARAMS, tmp_path / "params.yaml")


def test_without_changes_the_file_as_it_is(params: Path) -> None:
    found = asked((), params)
    assert found.settings == whole.load(params)
    assert found.text == params.read_text()


def test_changes_mean_what_they_mean_to_dvc_and_leave_the_file(
    params: Path, tmp_path: Path
) -> None:
    changes = ("lora.ranks=[1,64]", "train.batch_size=16", 'data.where="source=x"', "blocks=[]")
    before = params.read_text()
    found = asked(changes, params)
    assert params.read_text() == before
    copy = Path(shutil.copy(params, tmp_path / "copy.yaml"))
    apply_overrides(copy, list(changes))
    assert found.settings == whole.load(copy)
    assert found.text == copy.read_text()
    assert found.settings.lora.ranks == (1, 64)


@pytest.mark.parametrize("change", ["params.yaml:train.batch_size=8", "train.batch_size=8"])
def test_the_file_may_be_named(params: Path, change: str) -> None:
    assert asked([change], params).settings.train.batch_size == 8


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("lora.rnak=4", r"-S lora\.rnak=4: .*rnak.*; allowed: KEY=VALUE"),
        ("train.batch_size", "-S train.batch_size: .*; allowed: KEY=VALUE"),
        ("lora.ranks=[1,2", r"-S lora\.ranks=\[1,2: .*; allowed: KEY=VALUE"),
        (
            "train.batch_size=0",
            "(?s)yaml with -S train.batch_size=0: 1 wrong setting.*of at",
        ),
        ("train.batch_size=8,16", "-S train.batch_size=8,16: several values"),
        ("drift/params.yaml:seeds=[1]", "a setting of drift/params.yaml; allowed: settings of the"),
    ],
)
def test_what_dvc_or_the_study_would_refuse_is_one_clear_error(
    params: Path, change: str, said: str
) -> None:
    before = params.read_text()
    with pytest.raises(StudyError, match=said) as refused:
        asked([change], params)
    assert "\n    at " not in str(refused.value)
    assert params.read_text() == before


def test_what_is_wrong_without_the_changes_is_said_of_the_file(params: Path) -> None:
    params.write_text(params.read_text().replace("batch_size: 32", "batch_size: 0"))
    with pytest.raises(StudyError, match=r"params\.yaml: 1 wrong setting") as refused:
        asked(["seeds=[1]"], params)
    assert "with -S" not in str(refused.value)
