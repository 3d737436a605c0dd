"""No page reads like a proof: sentences that a reader who is no statistician stumbles over."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator

import pytest

from study.claims.judge import claims_record
from study.claims.list import CLAIMS
from study.pages.figures.catalogue import FIGURES
from study.pages.report import sections, show
from study.pages.report.html import Html, joined, paragraph
from study.pages.report.inputs import Study
from study.studies.drift.answers.page import blocks as drift_blocks
from study.studies.instruct.answers.page import page as instruct_page
from study.studies.methods.pages.page import blocks as methods_blocks
from study.studies.stacking.answers.page import blocks as stacking_blocks
from tests.study.claims.test_claims import CASES
from tests.study.pages.report.made import SHAPES, made_study
from tests.study.studies.drift import test_record as drift
from tests.study.studies.instruct import made as instruct
from tests.study.studies.methods import made as methods
from tests.study.studies.stacking import test_record as stacking

PROOF_LIKE = (
    "shown to be neither",
    "number of seeds would show",
    "any number of seeds",
    "no number of seeds",
    "if equal:",
    "more of both",
    "in the way that validation prefers",
    "gains no more than",
    "loses no more than",
    "no such excess",
    "beats the floor",
    "held against",
    "of its parts, each by itself",
    "told from 0",
    "holds 0",
    "decided by:",
    "turn over",
    "cannot be told:",
    "neither over- nor underconfident",
    "neither a rise nor a fall",
    "not shown to be",
    "no difference from",
    "as far as the noise lets us see",
    "at the learning rate that validation picked",
    "so much its embeddings",
)
SECTIONS = (
    *(show.top, show.rank, show.capacity, show.weights, show.rules, show.sameness),
    *(show.training, show.cost, show.theory, show.claims),
)


def proof_like(text: str) -> list[str]:
    """Return what of `PROOF_LIKE` a page says, as a reader reads it."""
    plain = re.sub(r"<(style|script)[^>]*>.*?</\1>|<[^>]+>", " ", text, flags=re.DOTALL)
    plain = " ".join(html.unescape(plain).split()).lower()
    return [phrase for phrase in PROOF_LIKE if phrase in plain]


def companions() -> Iterator[tuple[str, str]]:
    """Yield the written parts of each companion's page, from constructed records."""
    ranks = {1: 1.0, 4: 2.0, 16: 3.0}
    found = drift.record(ranks, 4.0, {1: 0.7, 4: 0.5, 16: 0.4})
    yield "drift", " ".join(drift_blocks(found).values())
    level = drift.record(dict.fromkeys(ranks, 1.0), 1.0, dict.fromkeys(ranks, 0.8))
    yield "drift, all alike", " ".join(drift_blocks(level).values())
    added = stacking.record(stacking.made(stacking.ALONE))
    yield "stacking", " ".join(stacking_blocks(added).values())
    compared = methods_blocks(methods.record(), methods.machine())
    yield "methods", " ".join(compared.values())
    for name, losses in {"falling": {8: 3.2, 64: 3.0}, "alike": {8: 3.0, 16: 3.0}}.items():
        yield f"instruct, {name}", instruct_page(instruct.record(losses, noise=0.5), {})


def written(name: str, study: Study) -> Html:
    """Return the words of a figure without its picture: caption and alternative text."""
    entry = FIGURES[name]
    said = entry.caption(study.records), entry.alternative(study.records)
    return joined(map(paragraph, said))


@pytest.mark.parametrize("shape", SHAPES)
def test_the_report_reads_like_no_proof(shape: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sections, "pictured", written)  # captions apart from the sections
    study = made_study(SHAPES[shape])
    found = {section.__name__: proof_like(section(study)) for section in SECTIONS}
    assert not {name: phrases for name, phrases in found.items() if phrases}


def test_the_companions_pages_read_like_no_proof() -> None:
    found = {name: proof_like(page) for name, page in companions()}
    assert len(found) == 6
    assert not {name: phrases for name, phrases in found.items() if phrases}


def test_the_reasons_of_claims_read_like_no_proof() -> None:
    by_name = {claim.name: claim for claim in CLAIMS}
    found = {}
    for case in CASES:
        (row,) = claims_record([by_name[case.name]], case.study)
        found[case.name, row["verdict"]] = proof_like(json.dumps(row["numbers"]))
    assert len(found) > len(CLAIMS)
    assert not {key: phrases for key, phrases in found.items() if phrases}


def test_a_proof_is_found_where_there_is_one() -> None:
    assert proof_like("<p>LoRA is shown\nto be <b>neither</b></p>") == ["shown to be neither"]
