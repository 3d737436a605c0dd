"""Arms of other data go, and nothing else does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from study.data.leftovers import clear, prune, told
from study.records import prepared
from study.records.json_file import write_json
from tests.study import toys
from tests.study.fake_records import fake_arm


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


FOLDER = "data/prepared"


def prepare(study: Path, test: int) -> prepared.Prepared:
    data = toys.prepared(train=8, validation=8, test=test)
    prepared.save(data, study / FOLDER)
    return data


def test_other_data_takes_the_arms_of_the_data_before_away(study: Path) -> None:
    """Those of ranks that are trained now are DVC's to replace; nothing would replace the rest."""
    clear(study, prepare(study, 9), FOLDER)
    (study / "data/adapters/r4/s0").mkdir(parents=True)
    assert clear(study, prepare(study, 9), FOLDER) == []  # prepared again, and the same
    assert Path("data/adapters/r4") in clear(study, prepare(study, 10), FOLDER)
    assert not (study / "data/adapters/r4").exists()
    assert (study / "metrics/runs/full.json").exists()


def test_in_a_clone_the_test_sentences_tell_whose_arms_these_are(study: Path) -> None:
    data = prepare(study, 9)
    own = fake_arm("lora", 1, num_sentences=9, num_classes=len(data.label_names))
    own = replace(own, label_names=data.label_names, test_labels=tuple(data.test.labels.tolist()))
    write_json(study / "metrics/runs/lora-r1.json", own.to_json())
    gone = clear(study, data, FOLDER)
    assert Path("metrics/runs/lora-r16.json") in gone
    assert Path("metrics/runs/lora-r1.json") not in gone


def test_removed_ranks_are_told_in_one_line_each_once(study: Path) -> None:
    assert told(prune(study, [])) == "removed LoRA's runs on other data, of ranks 1 and 16"


def test_a_rank_that_left_one_file_is_told() -> None:
    gone = [Path("metrics/logits/lora-r8.safetensors")]
    assert told(gone) == "removed LoRA's runs on other data, of rank 8"


def test_blocks_of_other_data_go_with_all_that_they_left(study: Path) -> None:
    names = ("full-b1", "lora-r1-b2")
    left = [
        f"metrics/{folder}/{name}{ending}"
        for name in names
        for folder, ending in (
            ("blocks/runs", ".json"),
            ("blocks/logits", ".safetensors"),
            ("machine", ".json"),
        )
    ]
    for path in left:
        (study / path).parent.mkdir(parents=True, exist_ok=True)
        (study / path).write_text("{}")
    gone = clear(study, prepare(study, 9), FOLDER)
    assert set(left) <= {path.as_posix() for path in gone}
    assert not any((study / path).exists() for path in left)
    assert told(gone).endswith("and runs of further blocks of seeds on other data")
    assert told([Path(left[0])]) == "removed runs of further blocks of seeds on other data"
