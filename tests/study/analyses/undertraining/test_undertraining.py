"""What did not train is named with its sign and with what to do; what trained is not."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from study.analyses.undertraining.curve import curve, guessing_loss
from study.analyses.undertraining.record import undertraining
from study.analyses.undertraining.remedy import epochs_wanted, remedy
from study.analyses.undertraining.signs import (
    BEHIND_HEAD,
    HARDLY_LEARNED,
    NO_BETTER,
    STILL_LEARNING,
    of_commonest,
    of_head,
)
from study.records.arm_names import FULL, HEAD_ONLY, LORA
from study.records.json_file import write_json
from study.settings.train import USUAL_STEPS
from tests.study.analyses.undertraining.made import (
    GOOD,
    GUESSING,
    SHARES,
    answers,
    arm,
    flat,
    settled,
    straight,
    sweep,
)
from tests.study.fake_records import fake_probe


def record(results=None, accuracies=GOOD, shares=SHARES, probe=None, planned=2):
    results = results or sweep()
    probe = probe or fake_probe(results.head_only, validation=0.0)
    training = {"class_shares": shares}
    return undertraining(results, probe, answers(accuracies), training, 0.05, planned)


def found(made, arm_name: str, rank: int | None = None) -> list[str]:
    (row,) = [r for r in made["arms"] if (r["arm"], r["rank"]) == (arm_name, rank)]
    assert row["trained"] == (not row["found"])
    return row["found"]


def test_guessing_has_the_entropy_of_the_classes():
    assert guessing_loss([0.5, 0.5]) == pytest.approx(math.log(2))
    assert guessing_loss([0.9, 0.1, 0.0]) == pytest.approx(0.3250829733914482)


def test_a_study_that_trained_has_no_sign_and_nothing_to_do(tmp_path):
    made = record()
    write_json(tmp_path / "record.json", made)
    assert [row["found"] for row in made["arms"]] == [[]] * 4
    assert made["settings"] == []
    assert [(r["arm"], r["rank"]) for r in made["arms"]] == [
        (HEAD_ONLY, None), (LORA, 1), (LORA, 4), (FULL, None),
    ]  # fmt: skip


def test_a_loss_that_hardly_left_guessing_is_named_with_more_epochs():
    """Sixteen steps on 243 texts, which was recommended before: 1.06 where guessing has 1.10."""
    short = sweep(lora={r: arm(LORA, r, flat, steps=20) for r in (1, 4)})
    made = record(short, GOOD | {(LORA, 1): 0.52, (LORA, 4): 0.51})
    for rank in (1, 4):
        assert found(made, LORA, rank) == [HARDLY_LEARNED, STILL_LEARNING, NO_BETTER, BEHIND_HEAD]
    assert found(made, FULL) == []
    assert made["settings"] == [f"train.epochs={USUAL_STEPS // 10}"]


def test_a_loss_that_still_falls_is_named_unless_validation_has_turned():
    assert curve(arm(LORA, 1, straight), GUESSING).falling == pytest.approx(2 / 7, abs=0.02)
    assert found(record(sweep(lora={1: arm(LORA, 1, straight)})), LORA, 1) == [STILL_LEARNING]
    turned = arm(LORA, 1, straight, epochs=3, best=2)
    assert found(record(sweep(lora={1: turned})), LORA, 1) == []
    assert curve(arm(LORA, 1, settled), GUESSING).falling == pytest.approx(0)


def test_steady_means_of_noisy_losses_do_not_count_as_falling():
    noise = np.random.default_rng(0).normal(0, 0.05, 1000).tolist()

    def noisy(share: float) -> float:
        return settled(share) + noise.pop()

    assert found(record(sweep(lora={1: arm(LORA, 1, noisy)})), LORA, 1) == []


def test_what_does_not_beat_the_commonest_class_is_named():
    rare = {name: share for name, share in zip(SHARES, (0.9, 0.1), strict=True)}
    made = record(accuracies=GOOD | {(LORA, 4): 0.52})
    assert NO_BETTER in found(made, LORA, 4)
    labels = np.array([0] * 90 + [1] * 10)
    always = np.tile(labels == 0, (3, 1))
    assert of_commonest(always, labels == 0, 0.05).found
    most = np.tile(np.arange(100) < 99, (3, 1))
    assert not of_commonest(most, labels == 0, 0.05).found
    assert record(shares=rare)["commonest"]["class"] == "a class of long name, number 0"


def test_what_the_head_alone_beats_is_named_and_what_is_within_the_noise_is_not():
    made = record(accuracies=GOOD | {(LORA, 1): 0.6})
    assert found(made, LORA, 1) == [BEHIND_HEAD]
    assert found(made, LORA, 4) == []
    stream = np.random.default_rng(1)
    alike = [stream.random((3, 400)) < 0.8 for _ in range(2)]
    sign = of_head(alike[0], alike[1])
    assert sign.found == (sign.value > sign.limit)


def test_the_head_alone_is_the_linear_probe_where_that_is_better():
    made = answers(GOOD)
    right = tuple(made.labels.tolist())
    probe = replace(fake_probe(sweep().head_only, validation=1.0), validation_predictions=right)
    assert found(record(probe=probe), LORA, 4) == [BEHIND_HEAD]
    assert found(record(probe=probe), HEAD_ONLY) == []


@pytest.mark.parametrize(
    ("epochs", "steps", "wanted"), [(2, 16, 23), (2, 188, 4), (1, 1, 180), (10, 5000, 20)]
)
def test_epochs_that_are_asked_for_give_the_usual_steps_and_are_twice_as_many(
    epochs, steps, wanted
):
    assert epochs_wanted(epochs, steps, USUAL_STEPS) == wanted
    assert wanted * steps / epochs >= USUAL_STEPS or wanted == 2 * epochs


def test_few_steps_ask_for_epochs_and_many_that_taught_nothing_for_rates():
    assert remedy(LORA, [], 2, 16, [1e-3], 0.4, USUAL_STEPS) == []
    assert remedy(LORA, [HARDLY_LEARNED], 2, 16, [1e-3], 0.05, USUAL_STEPS) == ["train.epochs=23"]
    assert remedy(HEAD_ONLY, [STILL_LEARNING], 30, 2820, [0.3], 0.4, USUAL_STEPS) == [
        "head_only.epochs=60"
    ]
    assert remedy(LORA, [HARDLY_LEARNED], 2, 400, [1e-3, 3e-3], 0.05, USUAL_STEPS) == [
        "'lora.learning_rates=[0.0003,0.001,0.003,0.009]'"
    ]
    assert remedy(FULL, [STILL_LEARNING], 2, 400, [1e-4], 0.4, USUAL_STEPS) == ["train.epochs=4"]


def test_a_run_that_stopped_early_asks_for_rates_and_not_for_epochs_again_and_again():
    """23 epochs were planned of 9 steps each; all three seeds were stuck, and ended after 13."""
    stuck = sweep(lora={r: arm(LORA, r, flat, steps=120, epochs=13) for r in (1, 4)})
    made = record(stuck, GOOD | {(LORA, 1): 0.52, (LORA, 4): 0.51}, planned=23)
    assert made["settings"] == ["'lora.learning_rates=[0.0003,0.001,0.003]'"]


def test_rates_that_arms_ask_for_are_joined_in_one_list():
    rates = {1: (1e-3,), 4: (2e-3,)}
    lost = sweep(lora={r: arm(LORA, r, flat, steps=400, rates=of) for r, of in rates.items()})
    assert record(lost)["settings"] == [
        "'lora.learning_rates=[0.0003,0.0007,0.001,0.002,0.003,0.006]'"
    ]


def test_it_is_the_kept_epoch_that_has_to_have_learned():
    """All is learned by heart at the end, but validation kept the first of twenty epochs."""

    def late(share: float) -> float:
        return GUESSING * (1.0 if share < 0.1 else 0.01)

    early = sweep(lora={1: arm(LORA, 1, late, epochs=20, best=1)})
    assert found(record(early, planned=20), LORA, 1) == [HARDLY_LEARNED]
    kept = sweep(lora={1: arm(LORA, 1, late, epochs=20, best=15)})
    assert found(record(kept, planned=20), LORA, 1) == []


@pytest.mark.parametrize("sign", [NO_BETTER, BEHIND_HEAD])
def test_what_was_learned_by_heart_asks_for_no_settings(sign):
    """48 sentences, 90 epochs, a loss of 0.000: twice as many epochs teach nothing more."""
    assert remedy(LORA, [sign], 90, 180, [2e-3, 4e-3], 0.99, USUAL_STEPS) == []
    assert remedy(LORA, [sign], 2, 16, [2e-3], 0.5, USUAL_STEPS) == ["train.epochs=23"]
    assert remedy(LORA, [sign, STILL_LEARNING], 2, 400, [2e-3], 0.99, USUAL_STEPS) != []


def test_one_number_of_epochs_is_asked_for_though_arms_differ():
    results = sweep(
        lora={1: arm(LORA, 1, straight, steps=20), 4: arm(LORA, 4, straight, steps=100)}
    )
    assert record(results)["settings"] == ["train.epochs=18"]
