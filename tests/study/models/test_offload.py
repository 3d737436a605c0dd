"""Frozen matrices kept elsewhere: the same results, and one of them here at a time.

Without a GPU "here" is a copy: `fetch` is made to copy, and to count what is alive.
"""

from __future__ import annotations

import weakref

import pytest
import torch
from torch import Tensor, nn

from study.arms import head_only
from study.entry.errors import StudyError
from study.models import frozen
from study.models.offload import frozen_linears, place
from study.studies.methods.training.arm import train_method
from study.studies.methods.training.bitfit import BitFit
from study.training import machine
from study.training.loop import Run
from study.training.progress import Progress
from tests.lora.models import FAMILIES, Family
from tests.study import toys
from tests.study.compare import RUNS, check_equal
from tests.study.toys import each_family, saved, train_lora


class Copies:
    """Counts what is fetched, and how many copies are alive at once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.alive = self.most = 0
        self.fetched: list[int] = []
        monkeypatch.setattr(frozen, "fetch", self.fetch)

    def fetch(self, weight: Tensor, device: torch.device) -> Tensor:
        if not hasattr(weight, frozen.OFFLOADED):
            return weight
        copy = weight.detach().to(device, copy=True)
        self.fetched.append(id(weight))
        self.alive += 1
        self.most = max(self.most, self.alive)
        weakref.finalize(copy, self._gone)
        return copy

    def _gone(self) -> None:
        self.alive -= 1


@each_family
@pytest.mark.parametrize("anew", [False, True])
def test_results_are_the_same_and_one_matrix_is_here_at_a_time(
    family: Family, anew: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = train_lora(RUNS[:2], family=family.name)
    copies = Copies(monkeypatch)
    found = train_lora(
        RUNS[:2], family=family.name, offload_frozen=True, activation_checkpointing=anew
    )
    for one, other in zip(expected, found, strict=True):
        check_equal(one, other, 0, 0)
    assert (copies.most, copies.alive) == (1, 0)
    matrices = len(frozen_linears(toys.load(saved(family.name))))
    assert len(set(copies.fetched)) == matrices
    steps = 8
    assert len(copies.fetched) > 1.5 * steps * matrices  # forward, and back where that goes on


def test_what_trains_and_what_dora_measures_is_not_offloaded() -> None:
    first, second = nn.Linear(2, 2), nn.Linear(2, 2)
    stack = nn.ModuleList([first, second])
    model = nn.ModuleDict({"layers": stack, "head": nn.Linear(2, 2)})
    assert frozen_linears(model) == [first, second]
    assert frozen_linears(model, ["layers.0.weight"]) == [second]
    wrapped = nn.Module()
    wrapped.base = second
    wrapped.lora_magnitude_vector = nn.Parameter(torch.ones(1))
    stack[1] = wrapped
    assert frozen_linears(model) == [first]


@pytest.mark.parametrize("name", ["bert", "distilbert", "gpt2"])
def test_biases_of_offloaded_matrices_train(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    family = FAMILIES[name]
    results = []
    for offload in (False, True):
        if offload:
            copies = Copies(monkeypatch)
        model = toys.load(saved(family.name))
        data = toys.prepared(pad=family.config.pad_token_id or 0)
        settings = toys.train_settings(offload_frozen=offload)
        run = [Run("bitfit", None, 0.01, 0)]
        method = BitFit()
        method.prepare(model, toys.LONGEST)
        progress = Progress("toy", 1)
        results += train_method(model, method, run, data, settings, toys.CPU, progress)
    plain, offloaded = results
    check_equal(plain, offloaded)
    assert copies.fetched


def test_head_only_reads_its_features_through_offloaded_matrices(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = []
    for offload in (False, True):
        model = toys.load(saved("gpt2"))
        if offload:
            copies = Copies(monkeypatch)
        settings = toys.train_settings(offload_frozen=offload)
        feed = head_only.features(model, toys.prepared(), settings, toys.CPU)
        rows.append(torch.cat([batch.features for _, batch in feed.evaluation("test", 1)]))
    assert torch.equal(*rows)
    assert copies.fetched


def test_an_offloaded_bf16_weight_is_not_laid_out_for_the_cpu() -> None:
    model = toys.load(saved("bert"), dtype=torch.bfloat16)
    place(model, toys.CPU, offload=True)
    assert not any(frozen.can_pack(m.weight) for m in frozen_linears(model))


def test_a_cpu_is_told_that_there_is_nothing_to_offload() -> None:
    settings = toys.train_settings(offload_frozen=True)
    with pytest.raises(StudyError, match=r"train\.offload_frozen: true.*allowed: false, or a CUDA"):
        machine.training_device(settings)
