"""Timing of models that stand side by side: what they share, whose turn it is, what comes of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lora.adapter import attach
from study.analyses.cost import latency
from study.analyses.cost.latency import BASE, DOUBLE, merged, shares, time_calls, unmerged, variants
from study.analyses.cost.plain import load_plain, padded_batches
from study.analyses.cost.speed import described, merged_ranks
from tests.lora.models import Family
from tests.study.analyses.cost import small
from tests.study.toys import each_family


@each_family
def test_models_say_what_they_should_and_share_the_bases_weights(family: Family):
    study, made = small.chosen(family.name), small.data(family.name)
    base = load_plain(study.model.name, made, torch.float32)
    adapters = small.adapters(study, made)
    models = variants(base, adapters, [1, 3])
    inputs = padded_batches(made.test, 6, made.pad_token_id)[0]
    with torch.no_grad():
        says = {name: model(**inputs).logits for name, model in models.items()}
    assert list(models) == [BASE, DOUBLE, merged(1), merged(3), unmerged(3), unmerged(1)]
    assert torch.equal(says[DOUBLE], says[BASE])
    for rank, other in ((3, 1), (1, 3)):
        assert says[merged(rank)] == pytest.approx(says[unmerged(rank)], abs=1e-4)
        assert not torch.allclose(says[merged(rank)], says[BASE], atol=1e-3)
        assert not torch.allclose(says[merged(rank)], says[merged(other)], atol=1e-3)
    alone = load_plain(study.model.name, made, torch.float32)
    attach(alone, adapters[1])
    with torch.no_grad():
        assert torch.equal(alone(**inputs).logits, says[unmerged(1)])
    own = {f"{name}.weight" for name in adapters[3].factors}
    parameters = dict(base.named_parameters())
    for name in (DOUBLE, merged(1), merged(3)):
        assert [type(m) for m in models[name].modules()] == [type(m) for m in base.modules()]
        for key, parameter in models[name].named_parameters():
            assert (parameter is parameters[key]) == (key not in own), key
    held = {id(parameter) for parameter in parameters.values()}
    extra = [p for p in models[unmerged(1)].parameters() if id(p) not in held]
    assert len(extra) == 2 * len(adapters[1].factors)


class Clock:
    """Time that passes only while a model works."""

    def __init__(self) -> None:
        self.now = 0.0
        self.calls: list[tuple[str, int]] = []

    def model(self, name: str, seconds: float):
        def call(input_ids: torch.Tensor) -> None:
            slow = 5 if len(self.calls) // 2 > 30 else 1  # the machine, for both of two models
            self.calls.append((name, len(input_ids)))
            self.now += slow * seconds * len(input_ids)

        return call


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(latency.time, "perf_counter", lambda: made.now)
    return made


def timed(clock: Clock, sizes: list[int], repeats: int, **seconds: float):
    models = {name: clock.model(name, of) for name, of in seconds.items()}
    batches = [{"input_ids": torch.zeros(size, 3)} for size in sizes]
    return time_calls(models, batches, repeats, lambda: None)  # type: ignore[arg-type]


def test_times_and_ratios_are_those_of_the_models(clock: Clock):
    found = timed(clock, [4] * 40, 5, base=0.001, slow=0.0015)
    assert found.ratios("slow", "base") == pytest.approx([1.5] * 5)
    # Some repeats fell into the slow time; what they compare did not change.
    assert found.per_sentence("base")[0] == pytest.approx(0.001)
    assert found.per_sentence("base")[-1] == pytest.approx(0.005)
    assert found.sentences.sum() == 160


def test_each_model_takes_its_turn_on_each_batch_in_changing_order(clock: Clock):
    timed(clock, [1] * 20, 5, a=1.0, b=1.0, c=1.0)
    timed_calls = clock.calls[3 * 3 :]  # after the warm-up
    rounds = [timed_calls[i : i + 3] for i in range(0, len(timed_calls), 3)]
    assert all({name for name, _ in turn} == {"a", "b", "c"} for turn in rounds)
    assert len({tuple(name for name, _ in turn) for turn in rounds}) == 6


@pytest.mark.parametrize(
    ("batches", "repeats", "expected"),
    [
        (60, 5, 12),
        (256, 5, 20),  # one sentence each: as many as tell
        (8, 5, 4),
        (3, 5, 3),
        (1, 1, 1),
        (10, 1, 10),
        (100, 1, 20),
    ],
)
def test_repeats_share_the_batches_out(batches: int, repeats: int, expected: int):
    turns = shares(batches, repeats)
    assert [len(turn) for turn in turns] == [expected] * repeats
    assert all(len(set(turn)) == len(turn) for turn in turns)
    seen = np.bincount([place for turn in turns for place in turn], minlength=batches)
    assert seen.max() - seen.min() <= 1  # no batch twice while another has had no turn


@pytest.mark.parametrize(
    ("factor", "found"), [(1.0, "equal"), (1.04, "equal"), (1.2, "slower"), (0.8, "faster")]
)
def test_a_row_of_the_record_says_how_each_merged_rank_and_the_base_compare(
    clock: Clock, factor: float, found: str
):
    seconds = {BASE: 0.002, DOUBLE: 0.002, merged(2): 0.002, merged(8): factor * 0.002}
    seconds |= {unmerged(2): 0.003, unmerged(8): 0.004}
    models = {name: clock.model(name, of) for name, of in seconds.items()}
    batches = [{"input_ids": torch.zeros(2, 3)}] * 10
    timings = time_calls(models, batches, 3, lambda: None)  # type: ignore[arg-type]
    row = described(timings, [2, 8], [2, 8])
    assert row["base"]["milliseconds"]["median"] == pytest.approx(2)
    assert [model["interval"]["ratio"] for model in row["unmerged"]] == pytest.approx([1.5, 2])
    assert [model["rank"] for model in row["merged"]] == [2, 8]
    assert [model["verdict"] for model in row["merged"]] == ["equal", found]
    assert f"({factor:.3f} of its time" in row["merged"][1]["words"]


@pytest.mark.parametrize(
    ("ranks", "chosen"), [([1, 2, 4, 8, 16, 32], [1, 32]), ([64, 4, 16], [4, 64]), ([4], [4])]
)
def test_merged_are_the_smallest_rank_and_the_largest(ranks, chosen):
    assert merged_ranks(ranks) == chosen
