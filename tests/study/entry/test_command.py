"""What every stage's command line says of bad input: the file's name, and the way back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from study.entry import command
from study.entry.errors import StudyError
from study.settings import whole as settings
from study.studies.instruct.settings import whole as own

ROOT = Path(__file__).resolve().parents[3]
BACK = "params.yaml is not as committed; to undo that: make back"


def git(*arguments: str) -> None:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with committed settings of the study and of another one."""
    (tmp_path / "instruct").mkdir()
    for name in ("params.yaml", "instruct/params.yaml"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["stage"])
    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message", "Settings")
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], main: object = settings.load) -> list[str]:
    """Return the lines of an error."""
    with pytest.raises(SystemExit) as ended:
        command.run(main)  # type: ignore[arg-type]
    assert ended.value.code == command.BAD_INPUT
    out, err = capsys.readouterr()
    assert out == ""
    return err.splitlines()


def change(path: str, old: str, new: str) -> None:
    text = Path(path).read_text()
    assert old in text
    Path(path).write_text(text.replace(old, new))


def refuse() -> None:
    raise StudyError("lora.rank: too large")


def test_a_refused_setting_ends_with_the_way_back(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said(capsys, refuse) == ["error: lora.rank: too large"]
    change("params.yaml", "  rank: 8 #", "  rank: 0 #")  # as long as before
    first, line, *last = said(capsys)
    assert first == "error: params.yaml: 1 wrong setting"
    assert line.strip().startswith("lora.rank: 0")
    assert last[-1] == BACK
    assert said(capsys, refuse) == ["error: lora.rank: too large", BACK]


def test_settings_that_are_committed_have_no_way_back(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change("params.yaml", "  rank: 8 #", "  rank: 0 #")
    git("commit", "--quiet", "--all", "--message", "A mistake")
    assert BACK not in said(capsys)


@pytest.mark.parametrize("place", ["no repository", "no git", "not in git", "a copy of DVC's"])
def test_where_git_tells_nothing_there_is_no_such_line(
    place: str,
    repository: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    change("params.yaml", "  rank: 8 #", "  rank: 0 #")
    if place == "no repository":
        (repository / ".git").rename(repository / "other")
    elif place == "no git":
        monkeypatch.setenv("PATH", str(repository))
    elif place == "not in git":
        git("rm", "--quiet", "--cached", "params.yaml")
        git("commit", "--quiet", "--message", "Gone")
    else:
        copy = repository / ".dvc/tmp/exps/standalone/tmp1"
        (copy / ".dvc").mkdir(parents=True)
        (copy / "params.yaml").write_bytes((repository / "params.yaml").read_bytes())
        monkeypatch.chdir(copy)
        git("init", "--quiet")
        git("add", ".")
        git("commit", "--quiet", "--message", "Copy")
        change("params.yaml", "  rank: 0 #", "  rank: -1 #")
    lines = said(capsys)
    assert lines[0].startswith("error: params.yaml: ")
    assert BACK not in lines


def test_another_studys_file_is_named(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    change("instruct/params.yaml", "  rank: 64 #", "  rank: 0 #")
    for main in (own.load, refuse):
        monkeypatch.setattr(sys, "argv", ["stage", "--study", "instruct"])
        monkeypatch.chdir(repository)
        lines = said(capsys, main)
        assert lines[-1] == f"instruct/{BACK}"
        if main is own.load:
            assert lines[0] == "error: instruct/params.yaml: 1 wrong setting"


def test_a_traceback_is_shown_where_it_is_asked_for_alone(
    repository: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert said(capsys, refuse) == ["error: lora.rank: too large"]
    monkeypatch.setattr(sys, "argv", ["stage", command.DEBUG, "--rank", "8"])
    lines = said(capsys, refuse)
    assert lines[0].startswith("Traceback")
    assert any("in refuse" in line for line in lines)
    assert lines[-1] == "error: lora.rank: too large"
    assert sys.argv == ["stage", "--rank", "8"]
