"""One toy study, run once through real DVC; each test gets a copy of it to change."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from tests.pipeline import study as studies
from tests.pipeline import toys
from tests.pipeline.study import Done, Study, create

Once = Callable[[str, Callable[[Path], list[Done]]], tuple[Path, list[Done]]]
Companion = Callable[[str, Mapping[str, Any]], tuple[Study, Done]]


@dataclass(frozen=True)
class Reproduced:
    """The finished study. A first `dvc repro` of a rank was killed while it trained."""

    study: Study
    killed: Done
    resumed: Done


@pytest.fixture(scope="session", autouse=True)
def _warm(warm_commands: Path) -> Iterator[None]:
    """What the studies' commands start is quick, but for those of studies that are `fresh`."""
    studies.COMMANDS.append(str(warm_commands))
    yield
    studies.COMMANDS.clear()


@pytest.fixture(scope="session")
def once(shared_folder: Path) -> Once:
    """Build a named folder in whichever worker comes first; the others wait for it.

    The builder gets the folder and returns what its commands said; every worker gets both.
    """

    def get(name: str, build: Callable[[Path], list[Done]]) -> tuple[Path, list[Done]]:
        folder, notes = shared_folder / name, shared_folder / f"{name}.json"
        with FileLock(shared_folder / f"{name}.lock"):
            if not notes.exists():
                folder.mkdir()
                notes.write_text(json.dumps([[d.output, d.status] for d in build(folder)]))
        return folder, [Done(*said) for said in json.loads(notes.read_text())]

    return get


@pytest.fixture(scope="session")
def reproduced(once: Once) -> Reproduced:
    """The study, finished and committed. Until it was killed it ran as for a user, each command in
    a Python of its own."""

    def build(folder: Path) -> list[Done]:
        fresh = create(folder / "study", fresh=True)
        killed = fresh.repro_killed_while(r"^lora.*\bepoch \d", "lora@1")
        study = Study(fresh.root)
        resumed = study.repro()
        study.commit("Results")
        return [killed, resumed]

    folder, (killed, resumed) = once("reproduced", build)
    return Reproduced(Study(folder / "study"), killed, resumed)


@pytest.fixture
def study(reproduced: Reproduced, tmp_path: Path) -> Study:
    """The finished study, with its cache, to do with as the test likes."""
    return reproduced.study.copy(tmp_path / "study")


@pytest.fixture(scope="session")
def rank_more(once: Once, reproduced: Reproduced) -> tuple[Study, Done]:
    """A copy of the study in which an experiment added rank 4, and what that said."""

    def build(folder: Path) -> list[Done]:
        study = reproduced.study.copy(folder / "study")
        return [study.experiment("lora.ranks=[1,2,4]", targets=studies.NOT_DRAWN)]

    folder, (done,) = once("rank_more", build)
    return Study(folder / "study"), done


@pytest.fixture(scope="session")
def companion(once: Once, reproduced: Reproduced) -> Companion:
    """Add another pipeline to a copy of the finished study, and run it on other toy sentences.

    The function takes the pipeline's folder and the settings that fit the toys; it returns the
    study, committed, and what the pipeline's first `dvc repro` said.
    """

    def get(name: str, settings: Mapping[str, Any]) -> tuple[Study, Done]:
        def build(folder: Path) -> list[Done]:
            study = reproduced.study.copy(folder / "study")
            study.add_pipeline(name)
            toys.write_csv(study.root / "toys/other.csv", toys.other_sentences())
            toys.change(study.root / name / "params.yaml", settings)
            done = study.repro(f"{name}/dvc.yaml")
            study.commit(f"Results of {name}")
            return [done]

        folder, (done,) = once(name, build)
        return Study(folder / "study"), done

    return get
