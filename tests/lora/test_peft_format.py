"""Files that PEFT reads, files that PEFT wrote, and files that are neither."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from lora.adapter import attach, extract
from lora.peft_format import CONFIG, WEIGHTS, load, save
from tests.lora.models import FAMILIES, Family, adapted, logits, tokens

BERT = FAMILIES["bert"]
ALWAYS = {
    *("peft_type", "task_type", "base_model_name_or_path", "r", "lora_alpha", "lora_dropout"),
    *("target_modules", "modules_to_save", "fan_in_fan_out", "use_rslora", "bias"),
    *("rank_pattern", "alpha_pattern", "inference_mode"),
}
# DistilBERT's, which PEFT trains and saves because its name ends like `classifier` (peft 3755).
SUFFIX_MATCHED = "pre_classifier"
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "rslora": {"use_rslora": True},
    "dropout": {"dropout": 0.1},
    "patterns": {"rank_pattern": {"1.*": 5}, "alpha_pattern": {"0.*": 2.0}},
    "layer": {"layers": (1,)},
}


def edit(folder, **changes: Any) -> None:
    """Change keys of the saved settings; ... takes a key out."""
    config = json.loads((folder / CONFIG).read_text())
    config.update(changes)
    kept = {key: value for key, value in config.items() if value is not ...}
    (folder / CONFIG).write_text(json.dumps(kept))


def peft_model(family: Family, **options: Any) -> Any:
    """PEFT's own model of the family, with a B that is not zero."""
    options = {"r": 3, "lora_alpha": 4, "target_modules": list(family.targets)} | options
    fan = family.name == "gpt2"
    config = LoraConfig(task_type="SEQ_CLS", fan_in_fan_out=fan, **options)
    model = get_peft_model(family.build(), config).eval()
    torch.manual_seed(5)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    return model


@pytest.fixture
def folder(tmp_path):
    """A saved BERT adapter."""
    save(extract(adapted(BERT), head_names=["classifier"]), tmp_path / "adapter")
    return tmp_path / "adapter"


@pytest.mark.parametrize("variant", sorted(VARIANTS))
def test_peft_loads_what_is_saved_here(family, variant, tmp_path, no_network):
    model, ids = adapted(family, **VARIANTS[variant]), tokens()
    save(extract(model, head_names=[family.head]), tmp_path)
    base = family.build()
    for name, parameter in base.named_parameters():
        if "classifier" in name or "score" in name:
            torch.nn.init.normal_(parameter)  # a head of another seed: the file brings its own
    other = PeftModel.from_pretrained(base, tmp_path).eval()
    torch.testing.assert_close(logits(other, ids), logits(model, ids), rtol=1e-5, atol=1e-5)
    fresh = PeftModel.from_pretrained(family.build(), tmp_path, is_trainable=True)
    ours = [name for name, p in model.named_parameters() if p.requires_grad]
    theirs = [name for name, p in fresh.named_parameters() if p.requires_grad]
    assert len([name for name in theirs if SUFFIX_MATCHED not in name]) == len(ours)


@pytest.mark.parametrize(
    "options",
    [{}, {"use_rslora": True}, {"rank_pattern": {"1.*": 5}}, {"layers_to_transform": [1]}],
)
def test_what_peft_saved_loads_here(family, options, tmp_path, no_network):
    theirs, ids = peft_model(family, **options), tokens()
    theirs.save_pretrained(tmp_path)
    adapter = load(tmp_path)
    ours = family.build()
    attach(ours, adapter, [family.head])
    torch.testing.assert_close(logits(ours, ids), logits(theirs, ids), rtol=1e-5, atol=1e-5)
    assert adapter.fan_in_fan_out == (family.name == "gpt2")


@pytest.mark.parametrize("pattern", [r".*\.(query|value)", "all-linear"])
def test_pefts_patterns_load_as_the_modules_that_they_reached(pattern, tmp_path):
    theirs = peft_model(BERT, target_modules=pattern)
    theirs.save_pretrained(tmp_path)
    ours = BERT.build()
    names = attach(ours, load(tmp_path), ["classifier"])
    assert set(names) == set(theirs.targeted_module_names)
    torch.testing.assert_close(logits(ours, tokens()), logits(theirs, tokens()))


def test_saving_and_loading_gives_the_adapter_back(family, tmp_path):
    adapter = extract(
        adapted(family, rank_pattern={"1.*": 2}, base_model_name="some/model"),
        head_names=[family.head],
    )
    save(adapter, tmp_path)
    back = load(tmp_path)
    assert back.config == adapter.config
    assert back.fan_in_fan_out == adapter.fan_in_fan_out
    assert back.factors.keys() == adapter.factors.keys()
    for name in adapter.factors:
        assert all(map(torch.equal, back.factors[name], adapter.factors[name]))
    assert back.head.keys() == adapter.head.keys()
    assert all(torch.equal(back.head[name], adapter.head[name]) for name in adapter.head)


def test_every_key_that_peft_would_guess_is_written(folder):
    config = json.loads((folder / CONFIG).read_text())
    assert config.keys() >= ALWAYS
    assert config["r"] == 3
    assert config["lora_alpha"] == 4.5
    assert config["target_modules"] == ["query", "value"]
    assert config["modules_to_save"] == ["classifier", "score"]  # as PEFT has it for SEQ_CLS


def test_the_tensors_have_pefts_names_and_shapes(tmp_path):
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    for name, family in FAMILIES.items():
        peft_model(family).save_pretrained(theirs / name)
        save(extract(adapted(family), head_names=[family.head]), ours / name)
        expected, got = load_file(theirs / name / WEIGHTS), load_file(ours / name / WEIGHTS)
        assert {k: t.shape for k, t in got.items()} == {k: t.shape for k, t in expected.items()}
        with safe_open(ours / name / WEIGHTS, "pt") as file:
            assert file.metadata() == {"format": "pt"}


def test_the_bytes_depend_on_the_adapter_alone(folder, tmp_path):
    twin = extract(adapted(BERT), head_names=["classifier"])
    turned = replace(
        twin,
        config=replace(twin.config, target_modules=("value", "query")),
        factors=dict(reversed(list(twin.factors.items()))),
        head=dict(reversed(list(twin.head.items()))),
    )
    save(turned, tmp_path / "other" / "place")
    (folder / f".{WEIGHTS}.part").write_text("of a process that was killed")
    save(twin, folder)  # over an adapter that is there
    for name in (CONFIG, WEIGHTS):
        assert (tmp_path / "other" / "place" / name).read_bytes() == (folder / name).read_bytes()
    assert {p.name for p in folder.iterdir()} == {CONFIG, WEIGHTS}


def test_a_folder_of_other_things_is_not_written_into(tmp_path):
    adapter = extract(adapted(BERT))
    (tmp_path / "model.safetensors").write_text("precious")
    with pytest.raises(FileExistsError, match=r"model\.safetensors.*no adapter"):
        save(adapter, tmp_path)
    with pytest.raises(FileExistsError, match="is a file"):
        save(adapter, tmp_path / "model.safetensors")
    assert [p.name for p in tmp_path.iterdir()] == ["model.safetensors"]


def test_a_path_of_this_machine_is_not_written(tmp_path):
    adapter = extract(adapted(BERT, base_model_name=str(tmp_path)))
    with pytest.raises(ValueError, match=r"base_model_name .* hub id or relative name"):
        save(adapter, tmp_path / "adapter")
    assert not (tmp_path / "adapter").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"use_dora": True}, r"use_dora True: magnitudes are missing.*0\.attention\.self\.query"),
        ({"bias": "lora_only"}, "bias 'lora_only'"),
        ({"peft_type": "LOHA"}, "peft_type 'LOHA'"),
        ({"peft_type": ...}, "peft_type None"),
        ({"lora_bias": True}, "lora_bias True"),
        ({"trainable_token_indices": [1, 2]}, "trainable_token_indices"),
        ({"layer_replication": [[0, 2]]}, "layer_replication"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights 'pissa' changes the base"),
        ({"invented_next_year": {"x": 1}}, "invented_next_year"),
        ({"r": ...}, "r is missing"),
        ({"lora_alpha": ...}, "lora_alpha is missing"),
        ({"r": 0}, "rank 0"),
        ({"r": 4}, r"query: lora_A \(3, 16\) and lora_B \(16, 3\) are not \(4, in\)"),
        ({"modules_to_save": None}, r"no part of a LoRA adapter: \['base_model\.model\.classifier"),
    ],
)
def test_settings_that_mean_something_else_are_refused_by_key(folder, changes, message):
    edit(folder, **changes)
    with pytest.raises(ValueError, match=message):
        load(folder)


@pytest.mark.parametrize(
    ("add", "take", "message"),
    [
        ("base_model.model.bert.x.lora_magnitude_vector.weight", None, "lora_magnitude_vector"),
        ("bert.x.lora_A.weight", None, r"no part of a LoRA adapter: \['bert\.x\.lora_A\.weight"),
        (None, f"base_model.model.{BERT.adapted[0]}.lora_B.weight", r"only one of .*0\..*query"),
    ],
)
def test_tensors_too_many_or_too_few_are_named(folder, add, take, message):
    tensors = load_file(folder / WEIGHTS)
    if add:
        tensors[add] = torch.ones(1)
    tensors.pop(take, None)
    save_file(tensors, folder / WEIGHTS)
    with pytest.raises(ValueError, match=message):
        load(folder)


def test_files_that_are_missing_or_broken_are_named(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"adapter_config\.json is not there"):
        load(tmp_path)
    (folder / WEIGHTS).write_bytes(b"not tensors")
    with pytest.raises(ValueError, match=r"adapter_model\.safetensors is no safetensors file"):
        load(folder)
    (folder / CONFIG).write_bytes(b"\xff{")
    with pytest.raises(ValueError, match=r"adapter_config\.json is no JSON"):
        load(folder)
    (folder / CONFIG).write_text("[]")
    with pytest.raises(ValueError, match="an object is needed, not list"):
        load(folder)


def test_saving_and_loading_open_no_socket(tmp_path, no_network):
    save(extract(adapted(BERT, base_model_name="some/model")), tmp_path)
    assert load(tmp_path).config.base_model_name == "some/model"


OVERLAPPING = [("query", "0.attention.self.query"), ("0.attention.self.query", "query")]


@pytest.mark.parametrize("keys", OVERLAPPING)
@pytest.mark.parametrize("kind", ["rank_pattern", "alpha_pattern"])
def test_the_first_pattern_that_matches_counts_as_in_peft_and_stays_first(kind, keys, tmp_path):
    patterns = {kind: dict(zip(keys, (5, 2), strict=True))}
    model, ids = adapted(BERT, **patterns), tokens()
    ours = extract(model)
    save(ours, tmp_path)
    other = PeftModel.from_pretrained(BERT.build(), tmp_path).eval()
    torch.testing.assert_close(logits(other, ids), logits(model, ids), rtol=1e-5, atol=1e-5)
    fresh = get_peft_model(
        BERT.build(),
        LoraConfig(r=3, lora_alpha=4.5, target_modules=list(BERT.targets), **patterns),
    )
    scalings = {name: ours.config.scaling_of(name) for name in BERT.adapted}
    for theirs in (other, fresh):
        for name, scaling in scalings.items():
            layer = theirs.base_model.model.get_submodule(name)
            assert layer.scaling["default"] == pytest.approx(scaling)
    again = load(tmp_path)
    assert list(getattr(again.config, kind).items()) == list(patterns[kind].items())
    attach(back := BERT.build(), again)
    torch.testing.assert_close(logits(back, ids), logits(model, ids), rtol=1e-5, atol=1e-5)


def test_all_other_keys_are_sorted(folder):
    keys = list(json.loads((folder / CONFIG).read_text()))
    assert keys == sorted(keys)


@pytest.mark.parametrize(
    ("modules", "gone", "named"),
    [
        (["classifier", "score"], "classifier", r"names \['classifier', 'score'\].* of them"),
        (["head", "classifier", "score"], None, r"names \['head'\], and the file has no .* of it"),
    ],
)
def test_a_head_that_the_file_lacks_is_named_with_what_to_do(folder, modules, gone, named):
    edit(folder, modules_to_save=modules)
    tensors = load_file(folder / WEIGHTS)
    kept = {name: t for name, t in tensors.items() if gone is None or f"{gone}." not in name}
    save_file(kept, folder / WEIGHTS)
    with pytest.raises(ValueError, match=rf"adapter_model\.safetensors: modules_to_save {named}"):
        load(folder)
    with pytest.raises(ValueError, match="save the trained adapter a second time without that"):
        load(folder)


def test_whoever_is_sent_to_pefts_conversion_is_told_that_it_leaves_out_the_head(folder):
    edit(folder, init_lora_weights="olora")
    with pytest.raises(ValueError, match=r"which leaves out the head: save .* a second time"):
        load(folder)


def test_an_adapter_without_the_head_of_its_task_is_not_written(tmp_path):
    headless = replace(extract(adapted(BERT)), head={})
    with pytest.raises(ValueError, match=r"'SEQ_CLS': a head goes along \(classifier or score"):
        save(headless, tmp_path / "adapter")
    assert not (tmp_path / "adapter").exists()
