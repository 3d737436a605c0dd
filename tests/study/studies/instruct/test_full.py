"""Full fine-tuning of a language model: a step is transformers' own, and the rate is searched."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, get_linear_schedule_with_warmup

from study.batches.packing import epoch_order
from study.models.causal import load_causal
from study.records.prepared import Prepared, Split
from study.studies.instruct.settings.whole import InstructSettings
from study.studies.instruct.training import tuned_model
from study.studies.instruct.training.full import CausalFullArm, all_parameters, train_full
from study.studies.instruct.training.records import TunedRecord
from study.studies.instruct.training.tuned_model import TunedCausalLM
from study.training.loop import Run
from study.training.optimizer import FlatParameters
from study.training.progress import Progress
from tests.study.studies.instruct import toys

RATE, SEED = 0.0002, 4


@pytest.fixture(scope="module", params=["llama", "gpt2"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both tie their output layer to the embedding; one has rotary positions, one a table."""
    return toys.write_model(tmp_path_factory.mktemp("model"), request.param)


def settings_of(tmp_path: Path, folder: Path, **changes: Any) -> InstructSettings:
    chosen = toys.write_study(tmp_path / "mine", folder, **changes)
    return replace(chosen, model=replace(chosen.model, name=str(tmp_path / "mine/model")))


def prepared(batching: Any = "packed") -> Prepared:
    train, few = toys.split(16), toys.split(6, seed=5)
    return Prepared(train, few, few, (), "model", 16, 0, batching)


def rows(split: Split, chosen: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Pad pairs on the right, as a plain training script does; prompts have no labels."""
    width = int(split.lengths[chosen].max())
    ids = torch.zeros(len(chosen), width, dtype=torch.int64)
    mask, labels = torch.zeros_like(ids), torch.full_like(ids, -100)
    for row, pair in enumerate(chosen.tolist()):
        tokens = split.input_ids[split.offsets[pair] : split.offsets[pair + 1]].long()
        ids[row, : len(tokens)], mask[row, : len(tokens)] = tokens, 1
        count = int(split.labels[pair])
        labels[row, len(tokens) - count : len(tokens)] = tokens[-count:]
    return ids, mask, labels


def by_transformers(folder: Path, data: Prepared, batch: int) -> dict[str, tuple[Tensor, Tensor]]:
    """Train an epoch with transformers and torch alone, without dropout.

    Returns:
        the weights, and where their gradients were more than rounding: Adam makes full steps of
        noise too, such as that of GPT-2's key biases, on which no output depends.
    """
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    decayed = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": decayed, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=RATE)
    steps = -(-len(data.train) // batch)
    schedule = get_linear_schedule_with_warmup(optimizer, math.ceil(0.1 * steps), steps)
    order = epoch_order(len(data.train), SEED, 1)
    for start in range(0, len(data.train), batch):
        ids, mask, labels = rows(data.train, order[start : start + batch])
        model(input_ids=ids, attention_mask=mask, labels=labels).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    return {
        name: (p.detach(), optimizer.state[p]["exp_avg_sq"].sqrt() > 1e-4)
        for name, p in model.named_parameters()
    }


@pytest.mark.parametrize("batching", ["shared", "packed", "padded"])
def test_training_is_that_of_transformers(folder: Path, batching: str, tmp_path: Path) -> None:
    changes = {"train.batch_size": 4, "train.epochs": 1}
    settings = settings_of(tmp_path, folder, **changes)
    data = prepared(batching)
    arm = CausalFullArm(settings, data, keep_seed=SEED)
    (result,) = arm([Run("full", None, RATE, SEED)], Progress("full", 1))
    wanted = by_transformers(folder, data, 4)
    assert {name.removeprefix("model.") for name in result.state} == set(wanted)
    before = dict(arm.model.named_parameters())
    for name, tensor in result.state.items():
        own = name.removeprefix("model.")
        weights, sure = wanted[own]
        torch.testing.assert_close(tensor[sure], weights[sure], atol=1e-5, rtol=1e-5)
        assert bool(sure.any()), own
        assert not torch.equal(tensor, before[own])  # everything trains, and the arm's base is kept


def test_of_many_tokens_some_at_a_time_gives_the_same_gradient(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[Tensor] = []
    batch = toys.batch_of(toys.split(), [[0, 1, 2, 3, 4]])
    for at_once in (2**25, 2 * 257):
        monkeypatch.setattr(tuned_model, "_LOGITS_AT_ONCE", at_once)
        lm = TunedCausalLM(load_causal(str(folder), torch.float32, 0.0, 16), [0])
        parameters, _ = all_parameters(lm, torch.float32)
        outputs = torch.func.functional_call(lm, parameters.views(), (batch,), tie_weights=False)
        loss = lm.objective.loss(outputs, batch.labels).sum()
        found.append(parameters.gradient(loss).clone())
    torch.testing.assert_close(found[0], found[1], atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("batching", ["shared", "packed", "padded"])
def test_a_shared_table_trains_in_bf16(folder: Path, batching: Any) -> None:
    model = load_causal(str(folder), torch.float32, 0.0, 16, batching, 0)
    lm = TunedCausalLM(model, [0])
    parameters, hooks = all_parameters(lm, torch.bfloat16)
    exact, _ = gradient(TunedCausalLM(load_causal(str(folder), torch.float32, 0.0, 16), [0]))
    rough, dtypes = gradient(lm, parameters)
    assert torch.nn.functional.cosine_similarity(exact, rough, dim=0) > 0.99
    assert {dtypes["fp32"], dtypes["bf16"]} == {torch.float32, torch.bfloat16}
    for hook in hooks:
        hook.remove()


def gradient(
    lm: TunedCausalLM, parameters: FlatParameters | None = None
) -> tuple[Tensor, dict[str, torch.dtype]]:
    """Return the gradient by every parameter, in the order of their names."""
    parameters = parameters or all_parameters(lm, torch.float32)[0]
    views = parameters.views()
    batch = toys.batch_of(toys.split(), [[0, 1, 2, 3, 4]])
    outputs = torch.func.functional_call(lm, views, (batch,), tie_weights=False)
    flat = parameters.gradient(lm.objective.loss(outputs, batch.labels).sum())
    by_name = parameters.unflatten(flat[0])
    table = next(name for name in sorted(by_name) if "embed_tokens" in name or "wte" in name)
    matrix = next(name for name in sorted(by_name) if "layers.0" in name or "h.0.attn" in name)
    kinds = {"fp32": views[table].dtype, "bf16": views[matrix].dtype}
    return torch.cat([by_name[name].flatten() for name in sorted(by_name)]), kinds


def test_the_first_seeds_try_every_rate_and_the_others_train_at_the_best(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = toys.write_model(tmp_path / "model")
    rates = [1e-9, 0.005]
    changes = {"seeds": [3, 0, 7], "search.seeds": 2, "full.learning_rates": rates}
    settings = settings_of(tmp_path, folder, **changes)
    monkeypatch.chdir(tmp_path)
    data = prepared()
    record, _ = train_full(settings, replace(data, validation=data.train), "full")
    tried = [(run.learning_rate, run.seed) for run in record.runs]
    assert tried == [(1e-9, 3), (1e-9, 0), (0.005, 3), (0.005, 0), (0.005, 7)]
    assert (record.learning_rate, record.search_seeds) == (0.005, (3, 0))
    assert [run.seed for run in record.picked()] == [0, 3, 7]
    assert record.rank is None
    assert record.trainable_parameters == record.total_parameters
    assert record.written is None


def test_a_rate_that_is_dropped_leaves_the_others_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = toys.write_model(tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    found, data = {}, prepared()
    data = replace(data, validation=data.train)
    for early in (None, 0.5):
        rates = {"full.learning_rates": [1e-9, 0.005], "train.early_exit": early}
        settings = settings_of(
            tmp_path / f"exit-{early}", folder, **{"seeds": [3, 0], "search.seeds": 1}, **rates
        )
        found[early], _ = train_full(settings, data, f"full-{early}")
    whole, early_exit = found[None], found[0.5].early_exit
    assert whole.early_exit is None
    assert early_exit is not None
    assert (early_exit.dropped, early_exit.by) == ((1e-9,), "loss")
    assert found[0.5].learning_rates == whole.learning_rates
    assert found[0.5].picked() == whole.picked()
    assert TunedRecord.from_json(json.loads(json.dumps(found[0.5].to_json()))) == found[0.5]
    assert "early_exit" not in whole.to_json()


def test_one_rate_is_not_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = toys.write_model(tmp_path / "model")
    settings = settings_of(tmp_path, folder, seeds=[0, 1])
    monkeypatch.chdir(tmp_path)
    record, _ = train_full(settings, prepared(), "full")
    assert [(run.learning_rate, run.seed) for run in record.runs] == [(0.005, 0), (0.005, 1)]
    assert record.search_seeds == ()
