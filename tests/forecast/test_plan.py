"""Which runs are planned: those that the stages train."""

from __future__ import annotations

from dataclasses import replace

from forecast import plan
from study.arms.rates import full_rates
from tests.forecast.cases import CONFIG, DATA, settings

STAGES = (
    *("head_only", "full", "shuffled_labels", "lora@1", "lora@4"),
    *("head_only_block@1", "full_block@1", "lora_block@1-1", "lora_block@4-1"),
)


def by_stage(**changes: object) -> dict[str, plan.Training]:
    found = plan.trainings(settings(**changes), DATA, CONFIG)
    return {training.stage: training for training in found}


def test_every_stage_that_trains_and_no_other() -> None:
    assert tuple(by_stage()) == STAGES


def test_the_first_block_tries_every_rate_and_further_ones_the_picked_one() -> None:
    found, own = by_stage(), settings()
    rates = len(full_rates(own.full.learning_rates, CONFIG))
    assert found["full"].runs == rates * 2
    assert found["full"].groups == ((0,), (1,)) * rates  # one run at a time
    assert found["full_block@1"].groups == ((2,), (3,))
    assert found["lora@4"].runs == 4
    assert found["lora_block@4-1"].groups == ((2, 3),)
    assert found["head_only"].runs == 2 * len(own.head_only.learning_rates)
    assert len(found["head_only"].groups) == 1
    assert {t.saved for name, t in found.items() if "block" in name} == {0}


def test_epochs_are_the_settings_and_the_heads_have_their_own() -> None:
    found = by_stage()
    assert found["lora@1"].epochs == found["full"].epochs == 3
    assert found["head_only"].epochs == settings().head_only.epochs


def test_as_few_runs_together_as_the_memory_takes() -> None:
    tight = replace(settings().train, memory_gib=1e-9)
    assert by_stage(train=tight)["lora@1"].groups == ((0,), (1,), (0,), (1,))


def test_a_headline_beside_the_sweep_is_trained_and_one_in_it_is_not() -> None:
    beside = replace(settings().lora, rank=8)
    assert by_stage(lora=beside)["headline"].rank == 8
    assert "headline" not in by_stage()


def test_no_control_where_none_is_asked_for_or_there_is_one_seed() -> None:
    off = replace(settings().spectra, shuffled_labels=False)
    assert "shuffled_labels" not in by_stage(spectra=off)
    assert "shuffled_labels" not in by_stage(seeds=(0,))


def test_one_more_rank_is_trained_in_every_block() -> None:
    found = plan.rank_of(settings(), DATA, CONFIG, 8)
    assert [t.stage for t in found] == ["lora@8", "lora_block@8-1"]
    assert [t.runs for t in found] == [4, 2]
