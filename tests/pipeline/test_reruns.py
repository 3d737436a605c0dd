"""What runs again, and what does not: every row of the commands in README, through real DVC."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.pipeline import toys
from tests.pipeline.conftest import Reproduced
from tests.pipeline.study import ALL_STAGES, NOT_DRAWN, Done, Study

PAGE = "plots/report.html"
# What reads the headline or the summary, and what shows them.
HEADLINE = {"check", "headline", "aggregate", "select", "plot", "report"}
# What compares ranks reads all of them. Records that come out the same stop what reads them.
RANKS = HEADLINE | {
    *("undertraining", "sufficient_rank", "learning_rate", "agreement", "capacity", "spectra"),
    "rules_of_thumb",
    *("cost", "claims"),
}


def lock_without_machine(study: Study, name: str = "dvc.lock") -> dict[str, Any]:
    """A dvc.lock without the files that say what the machine was like, and the page that does."""
    stages: dict[str, Any] = YAML(typ="safe").load(study.text(name))["stages"]
    for stage in stages.values():
        outs = [out for out in stage["outs"] if "metrics/machine/" not in out["path"]]
        stage["outs"] = [out for out in outs if out["path"] != PAGE]
    return stages


def test_a_killed_repro_goes_on_where_it_was(reproduced: Reproduced) -> None:
    finished, interrupted = reproduced.killed.ran[:-1], reproduced.killed.ran[-1]
    assert interrupted == "lora@1"
    assert finished == ["check", "prepare"]
    resumed = set(reproduced.resumed.ran)
    assert not resumed & set(finished)
    assert resumed | set(finished) | {interrupted} == ALL_STAGES


def test_repro_of_a_finished_study_runs_nothing(study: Study) -> None:
    assert study.repro().ran == []
    assert study.call("git", "status", "--porcelain").output == ""


def test_every_stage_forced_to_run_again_writes_the_same_bytes(study: Study) -> None:
    before = lock_without_machine(study)
    forced = study.repro("--force")
    assert set(forced.ran) == ALL_STAGES
    assert lock_without_machine(study) == before
    changed = set(study.call("git", "diff", "--name-only").output.split())
    assert changed <= {"dvc.lock", PAGE} | {n for n in changed if n.startswith("metrics/machine/")}


def test_a_headline_rank_outside_the_sweep_is_trained_and_nothing_else_is(study: Study) -> None:
    runs = sorted((study.root / "metrics/runs").iterdir())
    before = [path.read_bytes() for path in runs]
    done = study.experiment("lora.rank=4", targets=NOT_DRAWN)
    assert set(done.ran) <= HEADLINE
    assert done.trained
    assert json.loads(study.text("metrics/headline.json"))["rank"] == 4
    assert json.loads(study.text("metrics/summary.json"))["headline"]["rank"] == 4
    assert sorted((study.root / "metrics/runs").iterdir()) == runs
    assert [path.read_bytes() for path in runs] == before


def test_a_rank_more_in_the_sweep_trains_that_rank_alone(
    rank_more: tuple[Study, Done], tmp_path: Path
) -> None:
    study, done = rank_more[0].copy(tmp_path / "study"), rank_more[1]
    assert set(done.ran) <= RANKS | {"lora@4"}
    assert {"lora@4", "sufficient_rank", "capacity", "spectra", "cost", "claims"} <= set(done.ran)
    assert (study.root / "data/adapters/r4/s1").is_dir()
    summary = json.loads(study.text("metrics/summary.json"))
    assert list(summary["lora"]) == ["1", "2", "4"]
    assert study.repro(*NOT_DRAWN).ran == []


def test_a_rank_less_in_the_sweep_trains_nothing(study: Study) -> None:
    toys.change(study.root / "params.yaml", {"lora.ranks": [1]})
    done = study.repro(*NOT_DRAWN)
    assert set(done.ran) <= RANKS
    assert not done.trained
    assert list(json.loads(study.text("metrics/summary.json"))["lora"]) == ["1"]


def test_git_and_dvc_checkout_mend_an_experiment_that_failed(study: Study) -> None:
    failed = study.call("dvc", "exp", "run", "-S", "data.text=nowhere", status=None)
    assert failed.status != 0
    study.call("git", "checkout", ".")
    study.call("dvc", "checkout")
    assert study.repro().ran == []


def test_a_colour_redraws_the_plots_alone(study: Study) -> None:
    study.append("study/pages/figures/style.py", "\n# another colour\n")
    assert study.repro().ran == ["plot", "report"]


def test_a_claims_wording_is_judged_again_and_nothing_else(study: Study) -> None:
    study.append("study/claims/list.py", "\n# other words\n")
    assert study.repro().ran == ["claims"]


def test_the_way_a_csv_is_read_prepares_again_and_trains_nothing(study: Study) -> None:
    study.append("study/data/textfiles.py", "\n# another way\n")
    assert study.repro().ran == ["check", "prepare"]  # the check tokenises texts of its own


def test_the_probe_is_fitted_again_and_nothing_trains(study: Study) -> None:
    study.append("study/probes/fit.py", "\n# another fit\n")
    done = study.repro()
    assert set(done.ran) == {
        *("linear_probe", "aggregate", "undertraining", "agreement", "cost", "claims"),
    }
    assert not done.trained


def test_the_control_on_shuffled_labels_can_be_left_out(study: Study) -> None:
    done = study.experiment("spectra.shuffled_labels=false", targets=NOT_DRAWN)
    assert {"shuffled_labels", "spectra", "claims"} <= set(done.ran)
    assert not done.trained
    assert json.loads(study.text("metrics/shuffled_labels.json")) == {"trained": False}
    assert json.loads(study.text("metrics/spectra.json"))["controls"] == {}


def test_the_loss_reaches_all_that_trains_and_no_data(study: Study) -> None:
    study.append("study/models/objective.py", "\n# another loss\n")
    stale = set(json.loads(study.call("dvc", "status", "--json").output))
    assert {"check", "head_only", "full", "lora@1", "lora@2", "headline"} <= stale
    assert not stale & {"prepare", "theory_bound", "theory"}


def test_the_lora_layer_reaches_the_ranks_and_what_follows_alone(study: Study) -> None:
    study.append("lora/layer.py", "\n# another layer\n")
    done = study.repro()
    without_lora = {"prepare", "theory_bound", "head_only", "linear_probe", "full"}
    without_lora |= {"shuffled_labels"}
    assert set(done.ran) <= ALL_STAGES - without_lora
    assert {"theory", "lora@1", "lora@2", "headline"} <= set(done.ran)


def test_settings_reach_the_stages_that_read_them(study: Study) -> None:
    toys.change(study.root / "params.yaml", {"statistics.confidence": 0.9, "theory.steps": 10})
    ran = set(study.repro(*NOT_DRAWN).ran)
    assert {"check", "theory", "aggregate", "sufficient_rank", "capacity"} <= ran
    data = {"prepare", "head_only", "full", "lora@1", "lora@2", "headline", "spectra"}
    assert not ran & data
