"""Pairs that share beginnings have the losses and gradients that they have apart, and alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import (
    AutoModelForCausalLM,
    CohereConfig,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    MixtralConfig,
    PretrainedConfig,
    Qwen3Config,
)

from lora.config import LoRAConfig
from lora.inject import adapter_parameters
from study.arms.lora import adapt, train_lora
from study.batches import grouping
from study.batches.beginnings import pack_as
from study.batches.packing import PackedBatch
from study.models import last_layer
from study.models.causal import PackedCausalLM, load_causal
from study.models.offload import place
from study.models.recomputing import recomputing
from study.records.prepared import Batching, Prepared
from study.studies.instruct.training.tuned_model import TunedCausalLM
from study.training.loop import RunResult
from study.training.progress import Progress
from tests.lora.models import randomise
from tests.study import toys
from tests.study.batches import alike
from tests.study.compare import RUNS, check_equal

_SIZES: dict[str, Any] = {
    "vocab_size": 60,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "initializer_range": 0.3,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
}
CONFIGS: dict[str, PretrainedConfig] = {
    "llama": LlamaConfig(**_SIZES, num_key_value_heads=1, tie_word_embeddings=True),
    "gpt2": GPT2Config(
        vocab_size=60, n_positions=64, n_embd=16, n_layer=2, n_head=2, initializer_range=0.3
    ),
    "qwen3": Qwen3Config(**_SIZES, num_key_value_heads=1, head_dim=8),  # norms of queries and keys
    "gpt_neox": GPTNeoXConfig(**_SIZES),  # the MLP beside attention, one matrix for q, k and v
    "cohere": CohereConfig(**_SIZES, num_key_value_heads=1, logit_scale=1.0),
    "mixtral": MixtralConfig(**_SIZES, num_key_value_heads=1, num_local_experts=3),
}
TARGETS = {"gpt2": ("c_attn", "c_proj"), "gpt_neox": ("query_key_value", "dense_4h_to_h")}
each_family = pytest.mark.parametrize("family", CONFIGS)
FP32: dict[str, Any] = {"atol": 1e-6, "rtol": 2e-6}  # losses here are sums, of up to 20


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("causal")
    for name, config in CONFIGS.items():
        with torch.random.fork_rng():
            torch.manual_seed(0)
            AutoModelForCausalLM.from_config(config, dtype=torch.float32).save_pretrained(
                root / name
            )
    return {name: root / name for name in CONFIGS}


def load(folder: Path, way: Batching = "shared", dtype: torch.dtype = torch.float32) -> Any:
    return load_causal(str(folder), dtype, 0.0, 64, way, 0)


def adapted(folder: Path, way: Batching, runs: int, dtype: torch.dtype = torch.float32) -> Any:
    """Load a model with an adapter a run, none of whose factors is zero."""
    model = load(folder, way, dtype)
    targets = TARGETS.get(folder.name, ("q_proj", "v_proj", "o_proj"))
    adapt(model, [LoRAConfig(3, 6.0, targets)] * runs, range(runs))
    randomise(model)
    return model


def packed(way: Batching, chosen: Sequence[Tensor]) -> PackedBatch:
    return pack_as(way, alike.pairs(), chosen, 0, 2)


def slopes(lm: PackedCausalLM, outputs: Tensor, labels: Tensor, of: Mapping[str, Tensor]) -> Any:
    loss = lm.objective.loss(outputs, labels).sum()
    found = torch.autograd.grad(loss, list(of.values()), allow_unused=True)
    return {name: g for name, g in zip(of, found, strict=True) if g is not None}


def close(found: dict[str, Tensor], expected: dict[str, Tensor], rounding: float = 1e-6) -> None:
    """Hold gradients together: to rounding of the largest of all."""
    assert found.keys() == expected.keys()
    largest = max(float(g.abs().max()) for g in expected.values())
    for name, gradient in expected.items():
        assert (found[name] - gradient).abs().max() <= 4 * rounding * largest, name


@each_family
def test_lora_with_and_without_sharing(folders: dict[str, Path], family: str) -> None:
    for name in alike.BATCHES:
        chosen, found = alike.chosen(name), {}
        for way in ("packed", "shared"):
            model = adapted(folders[family], way, len(chosen))
            lm = PackedCausalLM(model, range(len(chosen))).train()
            batch = packed(way, chosen)
            outputs = lm(batch, [torch.Generator() for _ in chosen])
            gradients = slopes(lm, outputs, batch.labels, adapter_parameters(model))
            found[way] = outputs.detach(), gradients
        torch.testing.assert_close(found["shared"][0], found["packed"][0], **FP32)
        close(found["shared"][1], found["packed"][1])


def test_blocks_may_be_cut_anywhere(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen, found, counts = alike.chosen("several runs"), [], []
    for cost in (grouping.BLOCK, -(10**6)):
        monkeypatch.setattr(grouping, "BLOCK", cost)
        model = adapted(folders["llama"], "shared", 2)
        lm = PackedCausalLM(model, [0, 1]).train()
        batch = packed("shared", chosen)
        outputs = lm(batch, [torch.Generator() for _ in chosen])
        found.append((outputs, slopes(lm, outputs, batch.labels, adapter_parameters(model))))
        counts.append(len(batch.layout.for_heads(2, 1, True, torch.float32).each))
    assert counts == [1, 5]
    torch.testing.assert_close(found[1][0], found[0][0], **FP32)
    close(found[1][1], found[0][1])


@each_family
def test_full_fine_tuning_with_and_without_sharing(folders: dict[str, Path], family: str) -> None:
    for name in (name for name, runs in alike.BATCHES.items() if len(runs) == 1):
        found = {}
        for way in ("packed", "shared"):
            lm = TunedCausalLM(load(folders[family], way), [0]).train()
            every = dict(lm.requires_grad_(True).named_parameters())
            batch = packed(way, alike.chosen(name))
            outputs = lm(batch, [torch.Generator()])
            found[way] = outputs.detach(), slopes(lm, outputs, batch.labels, every)
        torch.testing.assert_close(found["shared"][0], found["packed"][0], **FP32)
        close(found["shared"][1], found["packed"][1])


@each_family
def test_every_pair_has_the_loss_that_transformers_gives_it_alone(
    folders: dict[str, Path], family: str
) -> None:
    plain = AutoModelForCausalLM.from_pretrained(folders[family], dtype=torch.float32).eval()
    split = alike.pairs()

    def alone(pair: int) -> float:
        ids = split.input_ids[split.offsets[pair] : split.offsets[pair + 1]].long()[None]
        count = int(split.labels[pair])
        labels = ids.clone()
        labels[:, :-count] = -100
        return float(plain(input_ids=ids, labels=labels).loss * count)

    model = load(folders[family])
    assert last_layer.picks(model)
    chosen = alike.chosen("several runs")
    with torch.no_grad():
        ours = PackedCausalLM(model, [0, 1]).eval()(packed("shared", chosen))
        expected = torch.tensor([[alone(int(pair)) for pair in run] for run in chosen])
    torch.testing.assert_close(ours[..., 0], expected, atol=1e-5, rtol=1e-5)


@each_family
def test_the_last_layer_computes_tokens_that_predict_and_no_others(
    folders: dict[str, Path], family: str
) -> None:
    model = load(folders[family])
    rows = {"first": 0, "last": 0}
    stack = next(m for m in model.base_model.modules() if isinstance(m, nn.ModuleList))
    for which, layer in (("first", stack[0]), ("last", stack[-1])):

        def count(_: Any, given: Any, __: Any, which: str = which) -> None:
            rows[which] += given[0].shape[0] * given[0].shape[1]

        layer.get_submodule("mlp").register_forward_hook(count)
    chosen = alike.chosen("several runs")
    batch = packed("shared", chosen)
    assert batch.asked is not None
    PackedCausalLM(model, [0, 1]).eval()(batch)
    assert rows["first"] == batch.input_ids.numel()
    assert len(batch.asked.rows) <= rows["last"] < rows["first"]


def test_in_bf16_sharing_moves_losses_less_than_bf16_does(folders: dict[str, Path]) -> None:
    """A step of the packaged SmolLM2 was measured; see docs/training.md."""
    chosen = alike.chosen("several runs")

    def losses(way: Batching, dtype: torch.dtype) -> Tensor:
        lm = PackedCausalLM(adapted(folders["llama"], way, 2, dtype), [0, 1]).eval()
        with torch.no_grad():
            found: Tensor = lm(packed(way, chosen))[..., 0]
        return found

    exact = losses("packed", torch.float32)
    rough, shared = (losses(way, torch.bfloat16) for way in ("packed", "shared"))
    assert (shared - exact).norm() <= 1.5 * (rough - exact).norm()


def test_layers_computed_anew_and_offloaded_matrices(folders: dict[str, Path]) -> None:
    chosen = alike.chosen("several runs")
    found = []
    for anew, offload in ((False, False), (True, False), (False, True), (True, True)):
        model = adapted(folders["llama"], "shared", 2)
        lm = PackedCausalLM(model, [0, 1]).train()
        place(lm, toys.CPU, offload=offload)
        batch = packed("shared", chosen)
        with recomputing(lm, anew):
            outputs = lm(batch, [torch.Generator() for _ in chosen])
            found.append((outputs, slopes(lm, outputs, batch.labels, adapter_parameters(model))))
    for outputs, gradients in found[1:]:
        torch.testing.assert_close(outputs, found[0][0], **FP32)
        close(gradients, found[0][1])


def trained(folder: Path, way: Batching, dropout: float = 0.0, **changes: Any) -> list[RunResult]:
    split = alike.pairs()
    config = LoRAConfig(3, 6.0, ("q_proj", "v_proj"), dropout=dropout)
    return train_lora(
        load(folder, way),
        [config] * 3,
        RUNS[:3],
        Prepared(split, split, split, (), "toy", 64, 0, way),
        toys.train_settings(epochs=2, **changes),
        toys.CPU,
        Progress("toy", 3),
        pack=PackedCausalLM,
    )


@pytest.mark.parametrize("pieces", [1, 3])
@pytest.mark.parametrize("anew", [False, True])
def test_training_learns_the_same(folders: dict[str, Path], pieces: int, anew: bool) -> None:
    changes = {"gradient_accumulation_steps": pieces, "activation_checkpointing": anew}
    packed = trained(folders["llama"], "packed")
    for one, other in zip(trained(folders["llama"], "shared", **changes), packed, strict=True):
        check_equal(one, other, state=1e-4)


def test_with_dropout_training_is_todays_to_the_bit(folders: dict[str, Path]) -> None:
    packed = trained(folders["llama"], "packed", dropout=0.2)
    for one, other in zip(trained(folders["llama"], "shared", 0.2), packed, strict=True):
        assert one.loss_values == other.loss_values
        assert all(torch.equal(x, other.state[name]) for name, x in one.state.items())


def test_a_last_layer_that_needs_other_tokens_computes_all(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A layer that looks at its neighbours is found at loading; another that fails is, too."""
    own = torch.nn.Linear.forward
    model = load(folders["llama"])
    assert last_layer.picks(model)

    def mean(self: Any, x: Tensor) -> Tensor:
        shifted = x - x.mean(dim=1, keepdim=True) if self.out_features == 24 else x
        return own(self, shifted)

    monkeypatch.setattr(torch.nn.Linear, "forward", mean)
    monkeypatch.setattr("study.models.causal._check_form", lambda *_: None)
    assert not last_layer.picks(load(folders["llama"]))

    def refuses(self: Any, x: Tensor) -> Tensor:
        if x.shape[1] % 64:
            raise ValueError("rows that are no multiple of 64")
        return own(self, x)

    monkeypatch.setattr(torch.nn.Linear, "forward", refuses)
    assert not last_layer.picks(load(folders["llama"]))
