"""What makes training fit, with a stated amount of memory in place of a GPU's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from forecast.fit import Fit, candidates, fit, run_bytes
from study.arms.arm import GIB, runs_that_fit
from study.settings.whole import Settings
from tests.forecast.cases import CONFIG, DATA, settings
from tests.study import toys

FIXED = 1000


def large() -> Settings:
    return settings(train=toys.train_settings(batch_size=16, memory_gib=1.0))


def takes(own: Settings) -> int:
    """A machine on which training takes just what the study counts, beside what is fixed."""
    together = min(len(own.seeds), runs_that_fit(CONFIG, DATA, own.train))
    return FIXED + int(run_bytes(own, DATA, CONFIG) * together)


def tried(memory: int) -> tuple[Fit, list[Settings]]:
    own, asked = large(), []

    def probe(changed: Settings) -> int | None:
        asked.append(changed)
        return takes(changed) if takes(changed) <= memory else None

    return fit(own, DATA, CONFIG, memory, takes(own), FIXED, False, probe), asked


def test_what_fits_is_not_tried_again() -> None:
    assert tried(10 * takes(large())) == (Fit(True, {}), [])


def test_one_run_at_a_time_comes_first() -> None:
    one = takes(replace(large(), seeds=(0,)))
    found, asked = tried(int(1.1 * one))
    assert not found.fits
    assert list(found.changes) == ["memory_gib"]
    assert found.peak_bytes == takes(asked[-1]) == pytest.approx(one, abs=2)


def test_then_a_step_in_pieces_as_few_as_will_do() -> None:
    one = run_bytes(large(), DATA, CONFIG)
    found, asked = tried(int(FIXED / 0.95 + 0.3 * one))
    assert found.changes["gradient_accumulation_steps"] == 4
    assert len(asked) == 1  # the others were told from the count


def test_what_no_setting_makes_fit() -> None:
    found, asked = tried(FIXED // 2)
    assert (found, asked) == (Fit(False, {}), [])


def test_where_nothing_is_known_every_set_is_probed_in_turn() -> None:
    own, asked = large(), []

    def probe(changed: Settings) -> int | None:
        asked.append(changed.train)
        return None if len(asked) < 3 else FIXED

    found = fit(own, DATA, CONFIG, 2 * FIXED, None, 0, False, probe)
    assert found.peak_bytes == FIXED
    assert [t.gradient_accumulation_steps for t in asked] == [1, 2, 4]


def test_offloading_is_for_a_gpu_and_comes_last() -> None:
    train = large().train
    on_gpu, on_cpu = list(candidates(train, True)), list(candidates(train, False))
    assert on_gpu[:-1] == on_cpu
    assert on_gpu[-1]["offload_frozen"] is True
    assert {name for changes in on_cpu for name in changes} == {
        *("gradient_accumulation_steps", "activation_checkpointing"),
    }


def test_a_run_takes_what_the_study_counts() -> None:
    own = large()
    one = run_bytes(own, DATA, CONFIG)
    three = replace(own.train, memory_gib=3.5 * one / GIB)
    assert runs_that_fit(CONFIG, DATA, three) == 3
