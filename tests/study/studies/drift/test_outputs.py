"""Models from disk give on general text what they are, and the text is what was asked for."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lora import peft_format
from lora.adapter import Adapter
from lora.stacking import Part, stack
from study.arms import lora
from study.arms.saved_heads import read_head, save_heads
from study.data.overlap import standing_in
from study.entry.errors import StudyError
from study.settings.source import SourceSettings
from study.settings.whole import Settings
from study.studies.drift.outputs.outputs import change, every_arm
from study.studies.drift.outputs.text import general_text, load_text, save_text
from study.studies.stacking.combining.combinations import ALONE, SELECTED, Combination, combinations
from study.studies.stacking.combining.evaluate import evaluate
from study.studies.stacking.combining.together import check, put_together
from study.training.loop import RunResult
from tests.lora.models import FAMILIES
from tests.study import toys
from tests.study.analyses.capacity.made import toy_settings, tuned_by_hand
from tests.study.tiny_models import write_bert

DATA = toys.prepared(test=60)
WORDS = "film plot cast good bad is the a very not one two three four five six"


def trained(seed: int = 0) -> tuple[RunResult, Adapter]:
    run = toys.lora_run(seed, 0.1, 3)
    (result,) = toys.train_lora([run], data=DATA)
    model = toys.load(toys.saved("bert"))
    return result, lora.adapter_of(model, toys.lora_config(FAMILIES["bert"]), result.state)


def test_each_arm_gives_its_own_outputs_and_states(tmp_path: Path) -> None:
    result, adapter = trained()
    head = {n: x for n, x in result.state.items() if n.startswith("model.classifier")}
    save_heads([replace(result, state=head)], tmp_path / "head_only")
    peft_format.save(adapter, tmp_path / "adapters/r3/s0")
    tuned = tuned_by_hand("bert")
    tuned.save_pretrained(tmp_path / "full/s0")
    settings = toy_settings("bert", ranks=(3,))
    found = dict(every_arm(settings, DATA.test, DATA, tmp_path))
    assert list(found) == [("head_only", None), ("lora", 3), ("full", None)]
    torch.testing.assert_close(
        torch.from_numpy(found["lora", 3].logits[0]), result.test_logits, atol=1e-5, rtol=1e-4
    )
    inputs, _ = toys.padded(DATA.test, torch.arange(60), DATA.pad_token_id)
    plain = toys.reference(toys.saved("bert"))
    plain.load_state_dict(read_head(0, tmp_path / "head_only"), strict=False)
    with torch.no_grad():
        states = [m.base_model(**inputs).last_hidden_state[:, 0] for m in (plain, tuned)]
        logits = [m(**inputs).logits.numpy() for m in (plain, tuned)]
    for name, wanted in zip((("head_only", None), ("full", None)), logits, strict=True):
        np.testing.assert_allclose(found[name].logits[0], wanted, atol=1e-4, rtol=1e-3)
    moved = change(states[1], states[0]).numpy()
    np.testing.assert_allclose(found["full", None].change[0], moved, atol=1e-5)
    np.testing.assert_allclose(found["head_only", None].change, 0, atol=1e-7)
    assert found["lora", 3].change.mean() > 0.01
    with pytest.raises(StudyError, match=r"s1\.safetensors: no head is there"):
        read_head(1, tmp_path / "head_only")


def test_a_stack_predicts_as_the_merged_model_under_the_head_that_is_asked_for() -> None:
    settings = toy_settings("bert").stacking
    pair = trained(0)[1], trained(1)[1]
    labels = DATA.label_names, DATA.label_names
    wanted = [c for c in combinations(settings) if c.kind == ALONE or c.selection == "query"]
    stacked = {c: [put_together(c, pair, ("A", "B"), labels)] for c in wanted}
    model = toys.load(toys.saved("bert"))
    said: list[str] = []
    found = evaluate(model, stacked, [DATA, DATA], 40, toys.train_settings(), said.append)
    assert said == [c.name for c in wanted]
    queries = [n for n in pair[1].factors if n.endswith("query")]
    parts = [Part("A", pair[0]), Part("B", pair[1], 1.0, queries)]
    inputs, _ = toys.padded(DATA.test, torch.arange(40), DATA.pad_token_id)
    for head, expected in (("first", 0), ("second", 1), ("mean", None)):
        total = stack(parts, head_of=expected)
        merged = toys.reference(toys.saved("bert")).requires_grad_(False)
        for name, (A, B) in total.factors.items():
            merged.get_submodule(name).weight.add_(total.config.scaling_of(name) * B @ A)
        merged.load_state_dict(total.head, strict=False)
        right = merged(**inputs).logits.argmax(-1).eq(DATA.test.labels[:40]).numpy()
        for task in ("first", "second"):
            assert (found[wanted[-1].name, task, head][0] == right).all()
    assert (wanted[0].name, "first", "mean") not in found


def test_what_cannot_be_combined_is_refused_before_anything_is_trained() -> None:
    settings, (_, adapter) = toy_settings("bert").stacking, trained()
    check(settings, adapter)
    with pytest.raises(
        StudyError, match=r"stacking/params\.yaml:selections: 'nowhere' selects none"
    ):
        check(replace(settings, selections=("nowhere",)), adapter)
    selected = Combination(SELECTED, (1.0, 1.0), "nowhere")
    with pytest.raises(
        StudyError, match=r"stacking/params\.yaml:selections: 'nowhere' selects none"
    ):
        put_together(selected, (adapter, adapter), ("A", "B"), (("0",), ("0",)))
    with pytest.raises(StudyError, match=r"stacking: .*same name.*other classes"):
        put_together(combinations(settings)[2], (adapter, adapter), ("A", "A"), (("0",), ("1",)))


def with_text(tmp_path: Path, label: str | None, names: tuple[str, str] = ("0", "1")) -> Settings:
    words = WORDS.split()
    rows = [(f"{words[i % 16]} {words[i // 16]} film", names[i % 2]) for i in range(64)]
    with (tmp_path / "text.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([("text", "label"), *rows])
    model = str(write_bert(tmp_path / "bert", WORDS))
    source = SourceSettings(str(tmp_path / "text.csv"), None, "train", "text", label, None)
    plain = toy_settings("bert")
    drift = replace(plain.drift, source=source, sentences=20)
    return replace(plain, model=replace(plain.model, name=model), drift=drift)


def test_general_text_has_no_more_gaps_than_the_study_allows(tmp_path: Path) -> None:
    settings = with_text(tmp_path, "label", ("0", "1"))
    path = next(tmp_path.glob("*.csv"))
    path.write_text(path.read_text() + ",\n" * 100)
    share = r"of \d+ rows .* 100 have no text .* drift/dvc\.yaml -S data\.max_dropped_share=0\.\d+$"
    with pytest.raises(StudyError, match=share):
        general_text(settings, DATA)
    allowed = replace(settings, data=replace(settings.data, max_dropped_share=1.0))
    assert len(general_text(allowed, DATA)[0]) > 0


def test_general_text_is_drawn_by_class_and_without_what_the_study_has_seen(tmp_path: Path) -> None:
    settings = with_text(tmp_path, "label")
    text, report = general_text(settings, DATA)
    assert len(text) == report["sentences"] == 20
    assert text.labels.bincount().tolist() == [10, 10]
    assert report["labels"] == ["0", "1"]
    save_text(text, tmp_path / "x/text.safetensors")
    assert torch.equal(load_text(tmp_path / "x/text.safetensors").input_ids, text.input_ids)
    known = text.chosen(torch.arange(5))
    less, again = general_text(settings, replace(DATA, train=known))
    assert (again["in_study"], again["sentences"], len(less)) == (5, 15, 15)
    assert not standing_in(less, [known]).any()


def test_text_that_the_study_knows_throughout_is_refused(tmp_path: Path) -> None:
    settings = with_text(tmp_path, "label")
    text, _ = general_text(settings, DATA)
    with pytest.raises(StudyError, match=r"drift/params\.yaml:source\.name: .*no sentence"):
        general_text(settings, replace(DATA, validation=text))


@pytest.mark.parametrize(
    ("label", "names", "reason"),
    [
        (None, ("0", "1"), "label is null"),
        ("label", ("good", "bad"), r"labels \(bad and good\) are not the study's classes"),
    ],
)
def test_labels_that_are_none_or_others_are_left_out(
    tmp_path: Path, label: str | None, names: tuple[str, str], reason: str
) -> None:
    text, report = general_text(with_text(tmp_path, label, names), DATA)
    assert set(text.labels.tolist()) == {-1}
    assert report["labels"] is None
    assert re.search(reason, report["without_labels"])


def test_a_regression_is_refused_by_its_key_with_the_reason(tmp_path: Path) -> None:
    settings = with_text(tmp_path, "label")
    numbers = replace(toys.prepared(), task="regression", label_names=())
    with pytest.raises(StudyError) as refused:
        general_text(settings, numbers)
    said = str(refused.value)
    assert said.startswith("data.task: regression; drift is not defined for it, as it compares")
    assert said.endswith("allowed: classification")
