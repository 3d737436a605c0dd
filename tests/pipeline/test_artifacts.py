"""What the study hands out is taken by its name, as `docs/every-day.md` says."""

from __future__ import annotations

from tests.pipeline.study import Study


def test_the_selected_adapter_is_taken_by_its_name(study: Study) -> None:
    study.call("git", "tag", "--annotate", "selected-adapter@v1.0.0", "--message", "Rank 2")
    name = "selected-adapter"
    study.call("dvc", "artifacts", "get", ".", name, "--rev", "v1.0.0", "--out", "taken")
    own = study.root / "data/selected/adapter"
    assert (own / "adapter_model.safetensors").is_file()
    for file in own.iterdir():
        assert (study.root / "taken" / file.name).read_bytes() == file.read_bytes()


def test_a_result_is_taken_from_git_and_the_cache_as_they_are(study: Study) -> None:
    study.call("dvc", "get", ".", "data/selected/adapter", "--out", "taken")
    assert (study.root / "taken/adapter_model.safetensors").is_file()
