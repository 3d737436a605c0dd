"""Pairs in padded rows have the losses that transformers gives each alone, whatever the family."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    GraniteMoeConfig,
    Lfm2Config,
    LlamaConfig,
    MixtralConfig,
    PretrainedConfig,
)

from lora.config import LoRAConfig
from lora.inject import adapter_parameters
from study.arms.lora import adapt, train_lora
from study.batches.packing import BLOCKS, PackedBatch, pack
from study.batches.pieces import pack_pieces
from study.models.causal import PackedCausalLM, load_causal
from study.models.recomputing import recomputing
from study.records.prepared import Batching, Prepared, Split
from study.training.loop import RunResult
from study.training.progress import Progress
from tests.study import toys
from tests.study.compare import RUNS, check_equal
from tests.study.studies.instruct import toys as pairs

SEEDS = (0, 5)
ORDERS = [torch.tensor(row) for row in ([3, 0, 8, 4, 6], [1, 5, 2, 7, 0])]
_SIZES: dict[str, Any] = {
    "vocab_size": 250,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "initializer_range": 0.2,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
}
CONFIGS: dict[str, PretrainedConfig] = {
    "llama": LlamaConfig(**_SIZES),
    "gemma2": Gemma2Config(
        **_SIZES, head_dim=8, sliding_window=5, final_logit_softcapping=2.0, use_cache=True
    ),
    "lfm2": Lfm2Config(**_SIZES, layer_types=["conv", "full_attention"]),
    "mixtral": MixtralConfig(**_SIZES, num_local_experts=4),
    # Its forward has no use_cache of its own, and keeps keys and values unless told.
    "granitemoe": GraniteMoeConfig(**_SIZES, num_local_experts=4, num_experts_per_tok=2),
}
CONFIG = LoRAConfig(3, 6.0, ("q_proj", "v_proj"))
each_family = pytest.mark.parametrize("family", CONFIGS)
each_way = pytest.mark.parametrize("way", ["padded", "separate"])


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("causal")
    for name, config in CONFIGS.items():
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model: Any = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
            for module in model.modules():
                if isinstance(module, nn.Conv1d):
                    module.weight.data.mul_(3)
        model.save_pretrained(root / name)
    return {name: root / name for name in CONFIGS}


def numbers(model: Any, seeds: tuple[int, ...], dropout: float = 0.0) -> None:
    """Adapt a model, each run's factors B with the numbers of its seed."""
    config = LoRAConfig(3, 6.0, CONFIG.target_modules, dropout=dropout)
    adapt(model, [config] * len(seeds), seeds)
    for name, factor in adapter_parameters(model).items():
        if name.endswith("lora_B"):
            for row, seed in zip(factor.data, seeds, strict=True):
                draw = torch.Generator().manual_seed(1000 * seed + len(name))
                row.copy_(0.3 * torch.randn(row.shape, generator=draw))


def ours(
    folder: Path, way: Batching, seeds: tuple[int, ...] = SEEDS, dropout: float = 0.0
) -> PackedCausalLM:
    model = load_causal(str(folder), torch.float32, dropout, 64, way)
    numbers(model, seeds, dropout)
    return PackedCausalLM(model, seeds)


def computed(
    lm: PackedCausalLM, batch: PackedBatch, draws: Any = ()
) -> tuple[Tensor, list[Tensor]]:
    """Return outputs, and the gradients of the adapters of the runs' summed losses."""
    outputs = lm(batch, draws)
    factors = list(adapter_parameters(lm.model).values())
    total = lm.objective.loss(outputs, batch.labels).sum()
    return outputs.detach(), list(torch.autograd.grad(total, factors))


def plain(folder: Path, seed: int, data: Split, chosen: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Return transformers' own, of each pair alone and by its own labels."""
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    numbers(model, (seed,))
    found = []
    for pair in chosen.tolist():
        ids = data.input_ids[data.offsets[pair] : data.offsets[pair + 1]].long()[None]
        labels, count = ids.clone(), int(data.labels[pair])
        labels[:, :-count] = -100
        found.append(model(input_ids=ids, labels=labels, use_cache=False).loss * count)
    losses = torch.stack(found)
    total = losses.sum() / data.labels[chosen].sum()
    return losses.detach(), list(torch.autograd.grad(total, adapter_parameters(model).values()))


@each_way
@each_family
def test_losses_and_gradients_are_those_of_each_pair_alone(
    folders: dict[str, Path], family: str, way: Batching
) -> None:
    data = pairs.split(seed=4)
    batch = pack(data, ORDERS, 0, BLOCKS)
    outputs, slopes = computed(ours(folders[family], way).eval(), batch)
    for run, seed in enumerate(SEEDS):
        losses, gradients = plain(folders[family], seed, data, ORDERS[run])
        torch.testing.assert_close(outputs[run, :, 0], losses, atol=2e-5, rtol=2e-5)
        for mine, other in zip(slopes, gradients, strict=True):
            torch.testing.assert_close(mine[run], other[0], atol=1e-5, rtol=2e-4)
    assert ((outputs[..., 1] >= 0) & (outputs[..., 1] <= batch.labels)).all()


def test_right_tokens_are_counted_as_packed_ones_are(folders: dict[str, Path]) -> None:
    batch = pack(pairs.split(seed=4), ORDERS, 0, BLOCKS)
    packed, slopes = computed(ours(folders["llama"], "packed").eval(), batch)
    padded, others = computed(ours(folders["llama"], "padded").eval(), batch)
    torch.testing.assert_close(padded, packed, atol=2e-5, rtol=2e-5)
    for mine, other in zip(others, slopes, strict=True):
        torch.testing.assert_close(mine, other, atol=1e-5, rtol=2e-4)


@each_way
@pytest.mark.parametrize("dropout", [0.0, 0.2])
@each_family
def test_layers_computed_anew_give_the_same_gradients(
    folders: dict[str, Path], family: str, dropout: float, way: Batching
) -> None:
    batch = pack(pairs.split(seed=4), ORDERS, 0, BLOCKS)
    found = []
    for anew in (False, True):
        lm = ours(folders[family], way, dropout=dropout).train()
        draws = [torch.Generator().manual_seed(i) for i in (1, 2)]
        with recomputing(lm, anew):
            found.append(computed(lm, batch, draws))
    (kept, slopes), (again, others) = found
    assert torch.equal(kept, again)
    assert all(torch.equal(*both) for both in zip(slopes, others, strict=True))


@each_family
def test_pieces_are_the_whole(folders: dict[str, Path], family: str) -> None:
    data = pairs.split(seed=4)
    lm = ours(folders[family], "padded").eval()
    whole = lm(pack(data, ORDERS, 0, BLOCKS))
    parts = [lm(piece) for piece in pack_pieces(data, ORDERS, 0, BLOCKS, False, 3)]
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, atol=2e-5, rtol=2e-5)


def trained(
    folder: Path, way: Batching, runs: Any = RUNS[:3], dropout: float = 0.0, **changes: Any
) -> list[RunResult]:
    data = Prepared(
        *(pairs.split(24, 1), pairs.split(12, 2), pairs.split(12, 3)),
        label_names=(),
        model_name="toy",
        max_length=64,
        pad_token_id=0,
    )
    config = LoRAConfig(3, 6.0, CONFIG.target_modules, dropout=dropout)
    return train_lora(
        load_causal(str(folder), torch.float32, dropout, 64, way),
        [config] * len(runs),
        runs,
        data,
        toys.train_settings(epochs=2, **changes),
        toys.CPU,
        Progress("toy", len(runs)),
        pack=PackedCausalLM,
    )


@each_way
def test_training_learns_what_packed_training_does(folders: dict[str, Path], way: Batching) -> None:
    packed = trained(folders["llama"], "packed")
    for one, other in zip(trained(folders["llama"], way), packed, strict=True):
        torch.testing.assert_close(
            torch.tensor(one.loss_values), torch.tensor(other.loss_values), atol=1e-5, rtol=0
        )
        for name, tensor in one.state.items():
            torch.testing.assert_close(tensor, other.state[name], atol=1e-4, rtol=0)


@pytest.mark.parametrize(("family", "dropout"), [("gemma2", 0.0), ("lfm2", 0.2)])
def test_a_run_learns_the_same_beside_others_and_in_layers_computed_anew(
    folders: dict[str, Path], family: str, dropout: float
) -> None:
    changes: dict[str, Any] = {"dropout": dropout, "gradient_accumulation_steps": 2}
    together = trained(folders[family], "padded", **changes)
    anew = trained(folders[family], "padded", **changes, activation_checkpointing=True)
    for run, one, again in zip(RUNS, together, anew, strict=False):
        assert all(x.abs().max() > 1e-3 for name, x in one.state.items() if "lora_B" in name)
        check_equal(one, again, loss=0, state=0)
        (alone,) = trained(folders[family], "padded", [run], **changes)
        torch.testing.assert_close(
            torch.tensor(alone.loss_values), torch.tensor(one.loss_values), atol=1e-5, rtol=0
        )
