"""Claims of the write-ups on methods: counts decide, accuracies are tested, gaps have a reason."""

from __future__ import annotations

from typing import Any

import pytest

from study.records.runs import ArmRecord
from study.studies.methods.comparison.claims import Case, claims
from tests.study.fake_records import fake_arm
from tests.study.studies.methods import made

FEW, LORA_KEEPS, OTHERS_KEEP, MERGED, BYTES, COMPUTING, TUNING, LARGE = range(8)


def arms(accuracy: dict[str, float], rates: tuple[float, ...] = (2e-3,)) -> dict[str, ArmRecord]:
    return {
        name: fake_arm("head_only", accuracy=of, learning_rates=rates)
        for name, of in accuracy.items()
    }


def judged(records: dict[str, ArmRecord] | None = None, left_out: str | None = None) -> Any:
    rows = made.record(left_out)["methods"]
    known = records or arms(dict(zip(made.NAMES, made.ACCURACY, strict=True)))
    return claims(Case(rows, {name: known[name] for name in known if name != left_out}, alpha=0.05))


def test_counts_decide() -> None:
    found = judged()
    assert [found[at]["verdict"] for at in (FEW, MERGED, BYTES, COMPUTING)] == [
        *("holds", "holds", "holds", "does not hold")
    ]
    assert found[FEW]["numbers"]["largest_share"] == 0.009
    assert "of the four, LoRA merged; outside them, so did IA³" in found[MERGED]["numbers"]["why"]
    assert found[BYTES]["numbers"]["share_of_lora"] == 0.25
    assert found[COMPUTING]["numbers"]["share_of_lora"] == 1


def test_counts_refute() -> None:
    rows = made.record()["methods"]
    for row in rows:
        if row["name"] in ("adapter", "qlora"):
            row |= {"trainable_share": 0.06, "mergeable": True, "base_bytes": 2_000_000}
    records = arms(dict(zip(made.NAMES, made.ACCURACY, strict=True)))
    found = claims(Case(rows, records, alpha=0.05))
    assert {found[at]["verdict"] for at in (FEW, MERGED, BYTES)} == {"does not hold"}


@pytest.mark.parametrize(
    ("adapter", "verdict"), [(0.80, "holds"), (0.40, "does not hold"), (0.76, "cannot be told")]
)
def test_quality_kept_is_tested(adapter: float, verdict: str) -> None:
    accuracy = {"full": 0.8, "lora": 0.8, "qlora": 0.8, "adapter": adapter, "prefix": 0.8}
    found = judged(arms(accuracy))
    assert found[LORA_KEEPS]["verdict"] == "holds"
    assert found[OTHERS_KEEP]["verdict"] == verdict
    if verdict == "cannot be told":
        assert "settle it" in found[OTHERS_KEEP]["numbers"]["why"]


def test_a_method_that_is_missing_leaves_its_claims_open() -> None:
    found = judged(left_out="prefix")
    why = "Prefix tuning was not trained: it has none"
    assert [row["numbers"]["why"] for row in found if row["numbers"]["why"] == why] == [why] * 3
    assert "tested" in found[LORA_KEEPS]["numbers"]
    records = arms({"full": 0.8})
    rows = [row for row in made.record()["methods"] if row["name"] == "full"]
    alone = claims(Case(rows, records, alpha=0.05))
    assert {row["verdict"] for row in alone} == {"cannot be told"}
    assert "LoRA was not trained: it is not among the settings' methods" in str(alone)


def test_tuning_of_a_quantised_base() -> None:
    def told(lora: ArmRecord, qlora: ArmRecord) -> Any:
        others = arms({"full": 0.8, "adapter": 0.8, "prefix": 0.8})
        return judged({**others, "lora": lora, "qlora": qlora})[TUNING]

    one = fake_arm("head_only", accuracy=0.8, learning_rates=(2e-3,))
    several = fake_arm("head_only", accuracy=0.8, learning_rates=(2e-3, 1e-2))
    assert "one learning rate here" in told(one, one)["numbers"]["why"]
    assert "same learning rate for both" in told(one, several)["numbers"]["why"]
    elsewhere = fake_arm("head_only", accuracy=0.8, learning_rates=(0.5,))
    assert "not tried at LoRA's learning rate, 0.5" in told(elsewhere, several)["numbers"]["why"]
    # At LoRA's rate, 0.01, the quantised base loses the 3 points that the made-up records lose.
    other = fake_arm("head_only", accuracy=0.8, learning_rates=(1e-2,))
    found = told(other, several)
    assert found["verdict"] == "holds"
    assert found["numbers"]["value"] == pytest.approx(3, abs=1.5)
