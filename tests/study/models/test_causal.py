"""A packed causal language model computes what Hugging Face's own does, pair by pair."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from lora.config import LoRAConfig
from lora.inject import adapter_parameters
from study.arms.lora import adapt
from study.entry.errors import StudyError
from study.models.causal import PackedCausalLM, load_causal
from study.records.prepared import Split
from tests.lora.models import randomise
from tests.study import toys as classifiers
from tests.study.studies.instruct import toys

TARGETS = {"llama": ("q_proj", "v_proj"), "gpt2": ("c_attn",)}
each_family = pytest.mark.parametrize("family", ["llama", "gpt2"])


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    return {family: toys.write_model(root / family, family) for family in TARGETS}


def load(folder: Path, dtype: torch.dtype = torch.float32) -> Any:
    return load_causal(str(folder), dtype, 0.0, 64)


def plain_loss(model: Any, data: Split, pair: int) -> Tensor:
    """Return the summed loss of a pair's response, alone and by transformers' own labels."""
    ids = data.input_ids[data.offsets[pair] : data.offsets[pair + 1]].long()[None]
    labels = ids.clone()
    count = int(data.labels[pair])
    labels[:, :-count] = -100
    loss: Tensor = model(input_ids=ids, labels=labels).loss * count
    return loss


@each_family
def test_packed_equals_plain_pair_by_pair_before_training(
    folders: dict[str, Path], family: str
) -> None:
    data, chosen = toys.split(), [[3, 0, 8, 4], [1, 5, 2, 7]]
    ours = PackedCausalLM(load(folders[family]), [0, 1]).eval()(toys.batch_of(data, chosen))
    model = AutoModelForCausalLM.from_pretrained(folders[family], dtype=torch.float32).eval()
    with torch.no_grad():
        expected = torch.tensor([[plain_loss(model, data, i) for i in some] for some in chosen])
    torch.testing.assert_close(ours[..., 0], expected, atol=1e-5, rtol=1e-5)
    assert ((ours[..., 1] >= 0) & (ours[..., 1] <= data.labels[torch.tensor(chosen)])).all()


@each_family
def test_packed_gradients_of_the_adapters_are_the_padded_ones(
    folders: dict[str, Path], family: str
) -> None:
    data, chosen = toys.split(), [3, 0, 8, 4]
    config = LoRAConfig(3, 6.0, TARGETS[family])

    def gradients(loss: Any, model: Any) -> list[Tensor]:
        return list(torch.autograd.grad(loss, list(adapter_parameters(model).values())))

    packed = load(folders[family])
    adapt(packed, [config], [0])
    randomise(packed)
    lm = PackedCausalLM(packed, [0])
    batch = toys.batch_of(data, [chosen])
    ours = gradients(lm.objective.loss(lm(batch), batch.labels).sum(), packed)

    padded = AutoModelForCausalLM.from_pretrained(folders[family], dtype=torch.float32)
    adapt(padded, [config], [0])
    randomise(padded)
    inputs, _ = classifiers.padded(data, torch.tensor(chosen), 0)
    labels = inputs["input_ids"].clone()
    for row, pair in enumerate(chosen):
        end, count = int(data.lengths[pair]), int(data.labels[pair])
        labels[row, : end - count] = -100
        labels[row, end:] = -100
    theirs = gradients(padded(**inputs, labels=labels).loss, padded)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, atol=2e-6, rtol=1e-4)


@each_family
def test_what_follows_does_not_matter_and_prompts_are_not_asked_for(
    folders: dict[str, Path], family: str
) -> None:
    """The loss goes to the places that predict response tokens, and to no others' logits."""
    data = toys.split(1, longest=12)
    model = load(folders[family])
    lm = PackedCausalLM(model, [0]).eval()
    states: list[Tensor] = []
    last = model.base_model.norm if family == "llama" else model.base_model.ln_f
    last.register_forward_hook(lambda *args: states.append(args[2].requires_grad_()) or None)
    batch = toys.batch_of(data, [[0]])
    (gradient,) = torch.autograd.grad(lm(batch)[..., 0].sum(), states)
    touched = gradient[0].abs().sum(1) > 0
    length, count = int(data.lengths[0]), int(data.labels[0])
    wanted = torch.zeros_like(touched)
    wanted[length - 1 - count : length - 1] = True
    assert torch.equal(touched, wanted)


def test_the_model_of_a_family_that_changes_its_logits_is_refused(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    forward = LlamaForCausalLM.forward

    def capped(self: Any, *args: Any, **kwargs: Any) -> Any:
        out = forward(self, *args, **kwargs)
        out.logits = torch.tanh(out.logits)
        return out

    monkeypatch.setattr(LlamaForCausalLM, "forward", capped)
    with pytest.raises(StudyError, match="output layer of a LlamaForCausalLM"):
        load(folders["llama"])


def test_a_model_that_looks_ahead_or_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="causal language model: its tokens see those that come"):
        load_causal(str(classifiers.saved("bert")), torch.float32, 0.0, 12)
    LlamaConfig(num_hidden_layers=1).save_pretrained(tmp_path)
    with pytest.raises(StudyError, match="cannot be loaded as a causal language model"):
        load(tmp_path)


def test_longer_pairs_than_positions_are_refused(folders: dict[str, Path]) -> None:
    with pytest.raises(StudyError, match=r"data.max_length: 999 is more than the 128"):
        load_causal(str(folders["llama"]), torch.float32, 0.0, 999)


def test_an_adapted_output_layer_is_refused(folders: dict[str, Path]) -> None:
    model = load(folders["llama"])
    with pytest.raises(StudyError, match="lora"):  # it shares its weight with the embedding
        adapt(model, [LoRAConfig(2, 2.0, ("lm_head",))], [0])
    model.lm_head.weight.requires_grad_()
    with pytest.raises(StudyError, match="output layer cannot be adapted"):
        PackedCausalLM(model, [0])(toys.batch_of(toys.split(), [[0]]))


def test_cross_entropy_of_logits_agrees(folders: dict[str, Path]) -> None:
    """transformers' own logits, our loss: an oracle that shares no code with either loss."""
    data = toys.split(1)
    model = AutoModelForCausalLM.from_pretrained(folders["llama"], dtype=torch.float32).eval()
    ids, count = data.input_ids.long()[None], int(data.labels[0])
    with torch.no_grad():
        logits = model(input_ids=ids).logits[0, -count - 1 : -1]
        expected = F.cross_entropy(logits, ids[0, -count:], reduction="sum")
        ours = PackedCausalLM(load(folders["llama"]), [0]).eval()(toys.batch_of(data, [[0]]))
    torch.testing.assert_close(ours[0, 0, 0], expected)
