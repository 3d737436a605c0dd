"""How a claim is shown: the statement that decided it, and what decided."""

from __future__ import annotations

import dataclasses
import html
import re
from typing import Any

from study.pages.report import claims
from study.pages.report.html import Html
from tests.study.pages.report.made import SHAPES, made_study


def words(page: Html) -> str:
    """Return what a reader reads."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", page)).split())


def shown(numbers: dict[str, Any]) -> Html:
    row = {"claim": "c", "source": "s", "verdict": "cannot be told", "numbers": numbers}
    made = made_study(SHAPES["plain"])
    return claims.claims(dataclasses.replace(made, records={"claims": [row]}))


TESTED = {"tested": "a above 1 point", "value": 0.25, "low": -1.0, "high": 1.5}
TESTED |= {"level": 0.9875, "over": "seeds", "correction": "Bonferroni over 4"}
TESTED |= {"shown": "0 of 4", "x": 3, "decided_by": "measured", "why": "`dvc repro`"}


def test_the_statement_that_decided_is_written_with_the_interval_that_was_tested():
    page = shown(TESTED)
    assert "<code>dvc repro</code>" in page
    assert (
        "What decides: is a above 1 point? Measured: 0.25 (98.75 % interval: −1 to 1.5). X 3. "
        "Details and source The interval is over seeds. Correction for several tests: Bonferroni "
        "over 4. Tested one by one, 0 of 4 parts of the claim pass. Measured. Source: s."
        in words(page)
    )


def test_an_infinite_interval_is_none():
    said = words(shown(TESTED | {"low": None, "high": None}))
    assert "Measured: 0.25 (no interval)." in said


def test_a_claim_without_a_test_has_its_numbers_alone():
    said = words(shown({"lora_mb": 8, "share": 0.5, "correction": "Holm over 6", "why": "why"}))
    assert (
        "Why. LoRA MB 8; share 50 %. Details and source Correction Holm over 6. Source: s." in said
    )


def test_shares_are_in_per_cent_and_p_values_say_what_they_are_of():
    numbers = {"share": 0.00327, "share_of_full": 0.263, "p_worse": 0.5}
    said = words(shown(numbers | {"p_value_for_a_rise_over_ranks": 0.25}))
    assert "Share 0.327 %; share of full 26.3 %. Details and source P value for worse 0.5;" in said
    assert "p value for a rise over ranks 0.25." in said


def test_what_was_asked_is_a_sentence():
    said = words(shown({"why": "whether a is above b"}))
    assert "The question is whether a is above b." in said


def test_those_that_matter_come_first_and_the_others_are_folded_by_verdict():
    verdicts = ("holds", "holds", "does not hold", "holds", "cannot be told")
    rows = [
        {"claim": f"claim {i}", "source": "s", "verdict": verdict, "numbers": {"why": "why"}}
        for i, verdict in enumerate(verdicts)
    ]
    rows[3]["first"], rows[2]["first"] = 1, 2
    page = claims.claims(dataclasses.replace(made_study(SHAPES["plain"]), records={"claims": rows}))
    said = words(page)
    assert "three hold, one does not hold and one cannot be told" in said
    assert "The two that matter most" in said
    order = ["claim 3", "claim 2", "The others: Hold (2)", "claim 0", "claim 1"]
    order += ["The others: Cannot be told (1)", "claim 4"]
    places = [said.index(each) for each in order]
    assert places == sorted(places)
    assert "The others: Do not hold" not in said
    assert page.index("claim 2") < page.index("The others") < page.index("claim 0")
    assert "<details open>" not in page
