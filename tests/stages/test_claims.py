"""Stage claims: whatever was studied, every claim gets an answer, and the same bytes each time."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from stages import claims
from study.analyses.learning_rates.record import learning_rates
from study.analyses.results.sweep import read_sweep
from study.claims.list import CLAIMS
from study.claims.verdicts import FAILS, HOLDS, UNTOLD
from study.entry import command
from study.records.json_file import write_json
from study.settings.whole import Settings
from tests.study.fake_records import with_study, write_study
from tests.study.fake_theory import toy_settings, toy_theory

SENTENCES = 60


def other(*, seeds: Sequence[int], ranks: Sequence[int], **changes: Any) -> Settings:
    chosen = with_study(toy_settings(), seeds=seeds, ranks=ranks, rank=ranks[0])
    statistics = dataclasses.replace(chosen.statistics, resamples=20, **changes)
    return dataclasses.replace(chosen, statistics=statistics)


STUDIES = {
    "usual": other(seeds=(0, 1, 2), ranks=(1, 8, 16)),
    "one rank, one seed": other(seeds=(0,), ranks=(3,)),
    "no rank 8, unsorted": other(seeds=(5, 2), ranks=(64, 1, 4)),
    "one margin": other(seeds=(0, 1), ranks=(2, 8), margins=(1.5,)),
}


def write(chosen: Settings) -> None:
    """Write every record that the stage reads below the current folder."""
    write_study(Path("metrics"), chosen, num_sentences=SENTENCES)
    Path("metrics/headline.json").unlink()  # no claim is about it
    for name, record in zip(("theory_bound", "theory"), toy_theory(), strict=True):
        write_json(f"metrics/{name}.json", record)
    results = read_sweep(chosen)
    records = {
        "sufficient_rank": equivalence(chosen),
        "learning_rate": learning_rates(results, chosen.lora.scaling, chosen.statistics),
        "capacity": capacity(chosen.lora.ranks, len(chosen.seeds)),
        "agreement": DRIFT,
        "spectra": spectra(chosen.seeds, chosen.lora.ranks),
        "cost": cost(chosen.lora.ranks),
    }
    for name, record in records.items():
        write_json(f"metrics/{name}.json", record)


def equivalence(chosen: Settings) -> dict[str, Any]:
    told = {"verdict": "cannot be told", "difference": -1.0, "standard_error": 0.5}
    told |= {"p_equivalent": 0.5, "p_worse": 0.5, "p_better": 1.0, "seeds_if_as_measured": 9}
    ranks = [{"rank": rank} | told for rank in sorted(chosen.lora.ranks)]
    margins = chosen.statistics.margins
    return {"equivalence": [{"margin": margin, "ranks": ranks} for margin in margins]}


def capacity(ranks: Sequence[int], num_seeds: int) -> dict[str, Any]:
    gap = {"gap_to_full": -0.5, "gap_to_full_low": -0.9, "gap_to_full_high": -0.1}
    apart = {"points": 0.1, "low": -0.2, "high": 0.4}
    by_seed = {"by_seed": [0.8] * num_seeds}
    rows = [{"rank": rank} | gap | by_seed for rank in sorted(ranks)]
    reading = {"lora_to_truncated": apart, "truncation": "weighted"}
    return {
        "curves": {"weighted": rows, "lora": rows},
        "full": by_seed,
        "rank_zero": {key: 20 * value for key, value in gap.items()} | by_seed,
        "target_modules_alone": gap | by_seed,
        "readings": [{"rank": rank} | reading for rank in sorted(ranks)],
        "numbers_per_rank": {"lora": 9216},
        "modules": ["query", "value", "dense"],
        "target_modules": ["query", "value"],
        "differing": {"lora": [0] * num_seeds},
        "largest_rank": max(ranks),
        "sentences": SENTENCES,
    }


def spectra(seeds: Sequence[int], ranks: Sequence[int]) -> dict[str, Any]:
    row = {"module": "q", "target": True, "energy_rank": 60}
    row |= {"effective_rank": 99.0, "stable_rank": 9.0, "norm": 1.0}
    alone = len(seeds) < 2
    return {
        "settings": {"energy": 0.9},
        "full": [row | {"seed": seed} for seed in seeds],
        "lora": [{"rank": rank, "seed": seed, "norm": 1.0} for rank in ranks for seed in seeds],
        "intruders": [{"module": "q", "vectors": 384}],
        "replicated": [] if alone else [{"arm": "full", "directions": [1]}],
        "reasons": {"replicated": "one seed: there is nothing to compare it with"} if alone else {},
    }


DRIFT = {
    "divergence": {
        "arms": [{"arm": arm, "from_pretrained": 0.1} for arm in ("head_only", "lora", "full")]
    }
}


def cost(ranks: Sequence[int]) -> dict[str, Any]:
    row = {"trainable_parameters": 9, "storage_bytes": 99, "flops_per_token": 2.0}
    row |= {"inference_flops_per_token": 1.0}
    merged = {"mergeable": True, "merge_difference": 1e-6}
    rows = [{"arm": "lora", "rank": rank} | merged | row for rank in sorted(ranks)]
    full = {key: 100 * value for key, value in row.items()}
    return {"arms": [{"arm": "head_only", "rank": None} | row, *rows, {"arm": "full"} | full]}


@pytest.fixture(params=STUDIES.values(), ids=STUDIES.keys())
def chosen(request, tmp_path, monkeypatch) -> Settings:
    """The settings of a study whose records lie in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(claims, "load", lambda *_: request.param)
    write(request.param)
    return request.param


def test_every_claim_of_any_study_gets_an_answer_with_its_reason(chosen, capsys):
    claims.main()
    rows = json.loads(Path("metrics/claims.json").read_text())
    assert [row["claim"] for row in rows] == [claim.claim for claim in CLAIMS]
    assert {row["verdict"] for row in rows} <= {HOLDS, FAILS, UNTOLD}
    assert all(row["source"].startswith("Write-up ") and row["numbers"]["why"] for row in rows)
    verdicts = json.loads(Path("metrics/verdicts.json").read_text())
    assert list(verdicts["verdicts"]) == [claim.name for claim in CLAIMS]
    assert f"{len(CLAIMS)} claims" in capsys.readouterr().out


def test_the_same_bytes_each_time(chosen):
    paths = [Path("metrics/claims.json"), Path("metrics/verdicts.json")]
    claims.main()
    once = [path.read_bytes() for path in paths]
    claims.main()
    assert [path.read_bytes() for path in paths] == once


def test_a_record_that_is_missing_is_named(tmp_path, monkeypatch, capsys):
    chosen = STUDIES["usual"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(claims, "load", lambda *_: chosen)
    write(chosen)
    Path("metrics/capacity.json").unlink()
    with pytest.raises(SystemExit):
        command.run(claims.main)
    assert "metrics/capacity.json: no such file" in capsys.readouterr().err
    write_json("metrics/capacity.json", {"curves": {}})
    with pytest.raises(SystemExit):
        command.run(claims.main)
    assert "metrics/capacity.json: no curves.weighted" in capsys.readouterr().err


def test_dvc_shows_every_verdict(tmp_path, monkeypatch, warm_commands):
    """Ask the real DVC, which shows no list: hence the second file."""
    chosen = STUDIES["usual"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(claims, "load", lambda *_: chosen)
    write(chosen)
    claims.main()
    Path(".dvc").mkdir()
    Path(".dvc/config").write_text("[core]\n    no_scm = true\n    analytics = false\n")
    Path("dvc.yaml").write_text("metrics:\n  - metrics/verdicts.json\n")
    shown = subprocess.run(
        [warm_commands / "dvc", "metrics", "show", "--json"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ,
    )
    (of_workspace,) = json.loads(shown.stdout).values()
    read = of_workspace["data"]["metrics/verdicts.json"]["data"]
    assert read == json.loads(Path("metrics/verdicts.json").read_text())
    assert read["claims"]["all"] == len(CLAIMS)


def test_it_loads_neither_torch_nor_transformers():
    code = "import sys, stages.claims; print('torch' in sys.modules, 'transformers' in sys.modules)"
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "False"]
