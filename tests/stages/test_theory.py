"""The two theory stages on a small problem: their files, and what makes them refuse."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from stages import theory, theory_bound
from study.entry import command

ROOT = Path(__file__).parents[2]
SMALL = {
    "out_features": 5,
    "in_features": 7,
    "condition_number": 20.0,
    "samples": 30,
    "seeds": [0, 4],
    "ranks": [1, 2, 5],
    "steps": 12,
}
SCALINGS = ["fixed", "rslora", "proportional"]


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the repository's settings, the theory's made small."""
    write_settings(tmp_path, SMALL)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_bound_covers_every_rank_and_every_seed(workplace: Path) -> None:
    theory_bound.main()
    record = read(workplace / "metrics/theory_bound.json")
    assert record["ranks"] == [0, 1, 2, 3, 4, 5]
    assert list(record["inputs"]) == ["isotropic", "anisotropic"]
    for inputs in record["inputs"].values():
        curves = [*(s["bound"] for s in inputs["samples"]), inputs["population"]["truncation"]]
        assert {len(curve) for curve in curves} == {6}
        assert [one["seed"] for one in inputs["samples"]] == [0, 4]
        over = inputs["population"]["truncation_over_bound"]
        assert over.pop() is None  # at full rank both are at the floor
        assert min(over) >= 1 - 1e-9
    plain = record["inputs"]["isotropic"]["population"]
    assert plain["truncation"] == pytest.approx(plain["bound"], rel=1e-12)


def test_theory_is_held_against_the_bound_in_the_file(workplace: Path) -> None:
    theory_bound.main()
    theory.main()
    bound = read(workplace / "metrics/theory_bound.json")
    record = read(workplace / "metrics/theory.json")
    for name, learned in record["learned"].items():
        samples = bound["inputs"][name]["samples"]
        assert learned["bound"] == [[one["bound"][r] for one in samples] for r in SMALL["ranks"]]
        assert min(map(min, learned["ratio"])) >= 1 - 1e-12
        assert learned["worst_ratio"] == max(map(max, learned["ratio"])) < 1.01
    assert record["scalings"]["steps"] == [0, 1, 2, 3, 4, 6, 8, 11, 12]
    for optimizer in record["scalings"]["optimizers"].values():
        assert list(optimizer["scalings"]) == SCALINGS
        for scaling in optimizer["scalings"].values():
            for key in ("train_loss", "unreached", "update_norm", "gradient_norm_start"):
                assert [len(row) for row in scaling[key]] == [2, 2, 2]
            curves = scaling["curves"]
            assert {len(row) for rows in curves.values() for row in rows} == {9}
            assert curves["loss"][1][-1] == pytest.approx(sum(scaling["train_loss"][1]) / 2)
            assert all(0 <= share <= 1 for row in scaling["unreached"] for share in row)


def test_both_stages_write_the_same_bytes_again(workplace: Path) -> None:
    files = [workplace / "metrics/theory_bound.json", workplace / "metrics/theory.json"]

    def run_both() -> list[bytes]:
        theory_bound.main()
        theory.main()
        return [path.read_bytes() for path in files]

    assert run_both() == run_both()


def test_a_bound_of_other_settings_is_refused(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theory_bound.main()
    write_settings(workplace, SMALL | {"noise": 0.9})
    assert refusal(capsys) == (
        "error: metrics/theory_bound.json: of other settings or samples; "
        "`dvc repro theory_bound` writes it anew\n"
    )
    assert not (workplace / "metrics/theory.json").exists()


def test_a_bound_of_another_sample_is_refused(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theory_bound.main()
    path = workplace / "metrics/theory_bound.json"
    record = read(path)
    record["inputs"]["anisotropic"]["samples"][1]["fingerprint"]["y"] *= 1.001
    path.write_text(json.dumps(record))
    assert "of other settings or samples" in refusal(capsys)


def test_a_bound_that_is_not_there_or_is_none_is_named(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "metrics/theory_bound.json: no such file" in refusal(capsys)
    (workplace / "metrics").mkdir()
    (workplace / "metrics/theory_bound.json").write_text("[1, 2]")
    assert "not a record of theory's bounds" in refusal(capsys)


def test_a_learning_rate_that_diverges_is_named_and_nothing_is_written(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_settings(workplace, SMALL | {"sgd_learning_rate": 50.0, "steps": 60})
    theory_bound.main()
    message = refusal(capsys)
    assert "theory.sgd_learning_rate: 50.0; the loss is not finite at step" in message
    assert "proportional rank 5 seed 0" in message
    assert not (workplace / "metrics/theory.json").exists()


def test_the_bound_knows_no_lora_layer() -> None:
    program = (
        "import sys, stages.theory_bound\n"
        "print([m for m in sys.modules if m.split('.')[0] in ('lora', 'torch')])"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"


def write_settings(folder: Path, changes: dict[str, Any]) -> None:
    yaml = YAML()
    settings = yaml.load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    assert set(changes) <= set(settings["theory"])
    settings["theory"].update(changes)
    yaml.dump(settings, folder / "params.yaml")


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def refusal(capsys: pytest.CaptureFixture[str]) -> str:
    """Run the theory stage as its command line does; return what it says as it refuses."""
    with pytest.raises(SystemExit) as caught:
        command.run(theory.main)
    assert caught.value.code == command.BAD_INPUT
    return capsys.readouterr().err
