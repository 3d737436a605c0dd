"""The protocols under protocols/: valid settings, and the very runs that the write-ups describe."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from dvc.utils.hydra import apply_overrides
from transformers import BertConfig, RobertaConfig
from transformers import BertForSequenceClassification as Bert
from transformers import RobertaForSequenceClassification as Roberta

from lora.inject import adapter_parameters, inject
from protocols import resolve
from study.arms import arm
from study.arms.lora import config_of
from study.entry.errors import StudyError
from study.settings import whole as settings
from study.training.loop import Run
from tests.pipeline import toys

REPOSITORY = Path(__file__).parents[2]
PARAMS = REPOSITORY / "params.yaml"
# What an experiment is made of, and what of it is the user's: which seeds, and how it is computed.
SECTIONS = {"model", "data", "train", "head_only", "full", "lora"}
FREE = {
    *("data.seed", "train.device", "train.memory_gib", "train.gradient_accumulation_steps"),
    *("train.activation_checkpointing", "train.offload_frozen", "train.executor"),
}
each_protocol = pytest.mark.parametrize("name", resolve.names())


def settings_of(name: str) -> settings.Settings:
    return resolve.resolve(name, PARAMS)


def lora_runs(name: str) -> list[Run]:
    """Every LoRA run of a protocol, planned as the stages plan them."""
    chosen = settings_of(name)
    return [
        run
        for rank in chosen.lora.ranks
        for group in arm.plan("lora", rank, chosen.lora.learning_rates, chosen.seeds, 1)
        for run in group
    ]


@each_protocol
def test_dvc_sets_what_the_protocol_says(name: str, tmp_path: Path) -> None:
    shutil.copy(PARAMS, tmp_path / "params.yaml")
    overrides = resolve.arguments(name)[1::2]
    assert set(resolve.arguments(name)[::2]) == {"--set-param"}
    apply_overrides(tmp_path / "params.yaml", overrides)
    assert settings.load(tmp_path / "params.yaml") == settings_of(name)


@each_protocol
def test_only_what_an_experiment_fixes_is_changed(name: str) -> None:
    ours = asdict(settings.load(PARAMS))
    theirs = asdict(settings_of(name))
    assert {key for key in ours if ours[key] != theirs[key]} <= SECTIONS
    assert theirs["seeds"] == ours["seeds"]


@each_protocol
def test_all_that_results_depend_on_is_fixed(name: str) -> None:
    deciding = {key for key in settings.leaves() if key.partition(".")[0] in SECTIONS} - FREE
    assert resolve.changes(name).keys() == deciding


@each_protocol
def test_settings_of_the_user_do_not_get_in(name: str, tmp_path: Path) -> None:
    altered = {
        **{"lora.use_dora": True, "lora.init": "pissa", "lora.dropout": 0.3},
        **{"lora.loraplus_ratio": 16.0, "train.schedule": "constant", "train.early_stopping": 1},
        **{"train.warmup_share": 0.5, "train.weight_decay": 0.3, "train.precision": "fp32"},
        **{"train.max_grad_norm": 0.1, "data.test_text": "phrase", "head_only.epochs": 1},
    }
    shutil.copy(PARAMS, tmp_path / "params.yaml")
    toys.change(tmp_path / "params.yaml", altered)
    assert resolve.resolve(name, tmp_path / "params.yaml") == settings_of(name)


@each_protocol
def test_test_sentences_are_the_validation_split_and_pick_nothing(name: str) -> None:
    data = settings_of(name).data
    assert (data.name, data.subset, data.split) == ("nyu-mll/glue", "sst2", "train")
    assert (data.test_name, data.test_split, data.test_size) == ("nyu-mll/glue", "validation", None)
    assert (data.text, data.label, data.where) == ("sentence", "label", None)
    assert data.train_size is None


def test_roberta_base_runs_of_the_ablation() -> None:
    chosen = settings_of("roberta-base-sst2")
    assert chosen.model.name == "FacebookAI/roberta-base"
    assert (chosen.data.max_length, chosen.train.epochs, chosen.train.precision) == (64, 3, "bf16")
    assert chosen.lora.rank == 4
    expected = [Run("lora", r, 0.0005, s) for r in (1, 2, 4, 8) for s in chosen.seeds]
    assert lora_runs("roberta-base-sst2") == expected
    configs = [config_of(chosen.lora, r, chosen.model.name) for r in chosen.lora.ranks]
    assert [c.scaling_of("query") for c in configs] == [16.0, 8.0, 4.0, 2.0]
    assert {c.target_modules for c in configs} == {("query", "value")}


def test_bert_tiny_runs_of_the_study() -> None:
    chosen = settings_of("bert-tiny-sst2")
    assert chosen.model.name == "prajjwal1/bert-tiny"
    assert (chosen.train.epochs, chosen.train.schedule) == (5, "linear")
    rates = (0.0005, 0.001, 0.002)
    expected = [
        Run("lora", rank, rate, seed)
        for rank in (1, 2, 4, 8, 16, 32)
        for rate in rates
        for seed in chosen.seeds
    ]
    assert lora_runs("bert-tiny-sst2") == expected
    configs = [config_of(chosen.lora, r, chosen.model.name) for r in chosen.lora.ranks]
    assert [c.alpha for c in configs] == [2.0 * r for r in chosen.lora.ranks]
    assert {c.scaling_of("value") for c in configs} == {2.0}


def test_roberta_base_adapter_has_36864_numbers_a_rank() -> None:
    """48 d r: 12 layers, two matrices of 768 x 768 each, A and B."""
    chosen = settings_of("roberta-base-sst2")
    config = RobertaConfig(
        vocab_size=50265, max_position_embeddings=514, type_vocab_size=1, pad_token_id=1
    )
    for rank in chosen.lora.ranks:
        with torch.device("meta"):
            model = Roberta(config)
        inject(model, config_of(chosen.lora, rank, chosen.model.name), torch.Generator())
        assert sum(p.numel() for p in adapter_parameters(model).values()) == 36864 * rank


def test_every_rank_of_bert_tiny_fits_its_layers() -> None:
    """bert-tiny has 2 layers of width 128: 2 x 2 x (128 + 128) numbers a rank."""
    chosen = settings_of("bert-tiny-sst2")
    config = BertConfig(
        hidden_size=128, num_hidden_layers=2, num_attention_heads=2, intermediate_size=512
    )
    for rank in chosen.lora.ranks:
        with torch.device("meta"):
            model = Bert(config)
        inject(model, config_of(chosen.lora, rank, chosen.model.name), torch.Generator())
        assert sum(p.numel() for p in adapter_parameters(model).values()) == 1024 * rank


def test_a_protocol_that_is_none() -> None:
    with pytest.raises(StudyError, match="'bert'; allowed: bert-tiny-sst2, roberta-base-sst2"):
        resolve.arguments("bert")


def test_a_wrong_setting_stops_it_before_dvc(tmp_path: Path) -> None:
    wrong = PARAMS.read_text().replace("memory_gib: 2.0", "memory_gib: -7")
    (tmp_path / "params.yaml").write_text(wrong)
    done = subprocess.run(
        [sys.executable, "-m", "protocols", "bert-tiny-sst2"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(REPOSITORY), "PATH": ""},  # there is no dvc to be found
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: protocols/bert-tiny-sst2.yaml on params.yaml: ")
    assert "train.memory_gib: -7" in done.stderr
