"""What is printed, what is written, and how it ends."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from audit import __main__ as entry
from audit.command import Asked, audit
from audit.saved import CONFIG, WEIGHTS, read
from study.entry.errors import StudyError
from tests.audit.made import deltas, loaded, make
from tests.audit.test_saved import write


def lines(adapter: Path, **asked: Any) -> list[str]:
    return list(audit(Asked(adapter=str(adapter), **asked)))


def test_one_sentence_comes_first(tmp_path: Path) -> None:
    adapter, _ = make("lora", tmp_path)
    said = lines(adapter, json=tmp_path / "figures.json")
    record = json.loads((tmp_path / "figures.json").read_text())
    at = next(row for row in record["carried"] if row["share"] == 0.95)
    assert said[0].startswith(f"Rank {at['rank']} of 5 carries 95 % of this adapter, with ")
    whole = [torch.linalg.svdvals(delta) for delta in deltas(loaded("lora", adapter)).values()]
    energy = sum(float(S.square().sum()) for S in whole)
    for rank in range(1, 6):
        kept = sum(float(S[:rank].square().sum()) for S in whole) / energy
        assert (kept >= 0.95) == (rank >= at["rank"])


def test_the_figures_are_those_of_the_updates_that_peft_makes(tmp_path: Path) -> None:
    adapter, _ = make("patterns", tmp_path)
    lines(adapter, json=tmp_path / "figures.json")
    record = json.loads((tmp_path / "figures.json").read_text())
    dense = deltas(loaded("patterns", adapter))
    assert {row["module"] for row in record["by_module"]} == dense.keys()
    for row in record["by_module"]:
        S = torch.linalg.svdvals(dense[row["module"]])[: row["rank"]]
        p = S / S.sum()
        assert row["singular_values"] == pytest.approx(S.tolist(), abs=1e-5)
        assert row["norm"] == pytest.approx(float(S.norm()), rel=1e-5)
        assert row["stable_rank"] == pytest.approx(float((S / S[0]).square().sum()), rel=1e-5)
        assert row["effective_rank"] == pytest.approx(float((-p * p.log()).sum().exp()), rel=1e-5)
    assert record["parameters"] == sum(
        tensor.numel() for key, tensor in load_file(adapter / WEIGHTS).items() if "lora_" in key
    )


def test_energy_asks_for_the_rank_of_the_first_sentence(tmp_path: Path) -> None:
    adapter, _ = make("lora", tmp_path)
    said = lines(adapter, energy=0.95, out=tmp_path / "cut")
    rank = int(said[0].split()[1])
    assert {module.rank for module in read(tmp_path / "cut").modules.values()} == {rank}
    assert str(tmp_path / "cut") in said[-1]


def test_an_adapter_of_zeros_is_said_to_change_nothing(tmp_path: Path) -> None:
    folder = write(tmp_path / "adapter")
    tensors = load_file(folder / WEIGHTS)
    save_file(
        {k: torch.zeros_like(t) if "lora_B" in k else t for k, t in tensors.items()},
        folder / WEIGHTS,
    )
    assert "changes nothing" in lines(folder)[0]
    for asked in ({"energy": 0.9}, {"parameters": 0.6}):
        with pytest.raises(StudyError, match="cannot be cut"):
            lines(folder, **asked)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"rank": 0}, "--rank: 0; allowed for this adapter: 1 to 2"),
        ({"rank": 3}, "--rank: 3; allowed for this adapter: 1 to 2"),
        ({"energy": 0.0}, "--energy: 0"),
        ({"energy": 95.0}, "--energy: 95"),
        ({"parameters": -0.5}, "--parameters: -0.5"),
        ({"parameters": 0.01}, "too few parameters"),
        ({"out": "cut"}, "--out: nothing is cut"),
        ({"rank": 1, "out": "adapter"}, "is there already"),
        ({"rank": 1, "out": "nowhere/cut"}, "nowhere is not there"),
        ({"json": "nowhere/figures.json"}, "--json: .*nowhere is not there"),
        ({"base": "nowhere"}, "--base"),
        ({"base_of_config": True}, "the adapter names no base"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_written(
    asked: dict[str, Any], words: str, tmp_path: Path
) -> None:
    folder = write(tmp_path / "adapter")
    placed = {k: tmp_path / v if k in ("out", "json") else v for k, v in asked.items()}
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(StudyError, match=words):
        lines(folder, **placed)
    assert sorted(tmp_path.rglob("*")) == before


def test_an_error_is_one_line_and_status_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["audit", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        entry.main()
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert (
        said.err == f"error: {tmp_path / CONFIG} is not there: {tmp_path} is no adapter in "
        "PEFT's format\n"
    )


def test_the_command_line_is_what_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write(tmp_path / "adapter")
    arguments = ["audit", str(folder), "--rank", "1", "--out", str(tmp_path / "cut")]
    monkeypatch.setattr(sys, "argv", [*arguments, "--json", str(tmp_path / "figures.json")])
    entry.main()
    assert capsys.readouterr().out.startswith("Rank ")
    assert (tmp_path / "figures.json").is_file()
    assert read(tmp_path / "cut").settings.rank == 1
