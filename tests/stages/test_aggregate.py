"""Stage aggregate: from records that are in git alone, the same bytes, or one clear error."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import yaml

from stages import aggregate
from study.entry import command
from study.settings import whole as settings
from tests.study.fake_records import write_study

PARAMS = Path(__file__).parents[2] / "params.yaml"
WRITTEN = (
    "metrics/summary.json",
    "plots/rank_curve.json",
    "plots/pareto.json",
    "plots/dynamics.json",
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with settings and records, and nothing else: no data, no models, no cache."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["aggregate"])
    raw = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))
    raw["seeds"], raw["blocks"] = [0, 1], []
    raw["lora"] |= {"ranks": [1, 4], "rank": 4}
    raw["statistics"]["resamples"] = 100
    change(raw)
    write_study(Path("metrics"), settings.load(), num_sentences=60)
    return tmp_path


def change(raw: dict) -> None:
    Path("params.yaml").write_text(yaml.safe_dump(raw), encoding="utf-8")


def read() -> dict[str, bytes]:
    return {path: Path(path).read_bytes() for path in WRITTEN}


def fails(capsys: pytest.CaptureFixture[str]) -> str:
    """Run the stage as its command line does; return the error that it ends with."""
    with pytest.raises(SystemExit) as stopped:
        command.run(aggregate.main)
    assert stopped.value.code == 2
    return capsys.readouterr().err


def test_it_writes_the_summary_and_the_rows_and_prints_the_table(here, capsys):
    aggregate.main()
    summary = json.loads(read()["metrics/summary.json"])
    assert summary["headline"]["rank"] == 4
    assert list(summary["lora"]) == ["1", "4"]
    assert summary["head_alone"] == "linear_probe"
    table = capsys.readouterr().out
    assert "LoRA, rank 4 *" in table
    assert "Linear probe, mean" in table


def test_it_writes_the_same_bytes_each_time(here):
    aggregate.main()
    once = read()
    aggregate.main()
    assert read() == once


def test_what_a_rank_left_behind_changes_nothing(here):
    aggregate.main()
    once = read()
    Path("metrics/runs/lora-r128.json").write_text("{}")
    aggregate.main()
    assert read() == once


def test_the_table_is_of_the_summary_as_it_stands(here, capsys, monkeypatch):
    aggregate.main()
    printed = capsys.readouterr().out
    for path in Path("metrics/runs").iterdir():
        path.unlink()
    Path("params.yaml").unlink()
    before = read()
    monkeypatch.setattr(sys, "argv", ["aggregate", "--table"])
    aggregate.main()
    assert capsys.readouterr().out == printed
    assert read() == before


def test_the_table_of_no_summary_is_an_error(here, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["aggregate", "--table"])
    assert "metrics/summary.json: no such file" in fails(capsys)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda summary: summary.update(test_sentences=0),
        lambda summary: summary.update(test_sentences=10**400),
        lambda summary: [summary["full"].pop(key) for key in [*summary["full"]]],
        lambda summary: summary.update(lora=[]),
    ],
    ids=["no sentences", "too many", "an arm of nothing", "a list"],
)
def test_the_table_of_an_edited_summary_is_one_error(here, capsys, monkeypatch, spoil):
    aggregate.main()
    summary = json.loads(Path(aggregate.SUMMARY).read_text())
    spoil(summary)
    Path(aggregate.SUMMARY).write_text(json.dumps(summary))
    monkeypatch.setattr(sys, "argv", ["aggregate", "--table"])
    assert "metrics/summary.json: not what aggregate writes" in fails(capsys)


def test_a_run_that_is_missing_is_named_and_nothing_is_written_over(here, capsys):
    aggregate.main()
    before = read()
    Path("metrics/runs/lora-r1.json").unlink()
    error = fails(capsys)
    assert error.startswith("error: metrics/runs/lora-r1.json: no such file")
    assert "`dvc repro lora@1`" in error
    assert read() == before


def test_a_linear_probe_that_is_missing_or_of_other_sentences_is_named(here, capsys):
    path = Path("metrics/linear_probe.json")
    probe = json.loads(path.read_text())
    path.write_text(json.dumps(probe | {"test_labels": probe["test_labels"][::-1]}))
    error = fails(capsys)
    assert error.startswith("error: metrics/linear_probe.json: other test sentences")
    path.unlink()
    error = fails(capsys)
    assert error.startswith("error: metrics/linear_probe.json: no such file")
    assert "`dvc repro linear_probe`" in error


def test_a_record_that_is_none_is_named(here, capsys):
    Path("metrics/headline.json").write_text('{"arm": "lora"}')
    error = fails(capsys)
    assert "metrics/headline.json: not a record" in error
    assert "`dvc repro headline`" in error


def test_other_seeds_in_the_settings_are_an_error(here, capsys):
    raw = yaml.safe_load(Path("params.yaml").read_text())
    change(raw | {"seeds": [0, 1, 2]})
    assert "settings' seeds are [0, 1, 2]" in fails(capsys)
