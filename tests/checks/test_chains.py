"""A small model's way through a whole study: which stages, what is said of it, and where it stands.

The chains themselves take minutes (`python -m checks.chains`); tests/pipeline has one of them.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer

from checks.chains import chain, plain, stages, table, toy
from checks.chains.chain import ALLOWED, CHAINS, Outcome
from checks.chains.section import END, START, section, with_section
from checks.families.making import CAUSAL, CLASSIFIER, FAMILIES
from study.entry.errors import StudyError
from study.records.prepared import Split

ROOT = Path(__file__).resolve().parents[2]
FIRST = Outcome("modernbert", CLASSIFIER, "padded", 22, 3e-6)
LAST = Outcome("lfm2", CAUSAL, "padded", 6, 2e-8)


def test_every_stage_runs_but_those_that_draw_and_each_rank_has_its_own() -> None:
    found = dict(stages.commands(ROOT / "dvc.yaml", (1, 2)))
    assert found["lora@2"] == ["stages.lora", "--rank", "2"]
    assert found["check"] == ["stages.check"]
    assert list(found).index("full") < list(found).index("select")
    assert not found.keys() & {"plot", "report"}
    tuning = dict(stages.commands(ROOT / "instruct/dvc.yaml", (1,)))
    assert tuning["rank@1"] == ["stages.instruct.rank", "--rank", "1"]


def test_every_chain_is_a_family_of_its_kind() -> None:
    assert all(family in FAMILIES[kind] for family, kind in CHAINS.items())


def test_a_study_of_pairs_has_a_template_and_settings_that_are_known(tmp_path: Path) -> None:
    toy.write(tmp_path, "lfm2", CAUSAL, ROOT / "instruct/params.yaml")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / toy.MODEL)
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    whole = tokenizer.apply_chat_template(messages, tokenize=False)
    asked = tokenizer.apply_chat_template(messages[:1], tokenize=False, add_generation_prompt=True)
    assert whole == "[user] a\n[assistant] b</s>\n"
    assert whole.startswith(asked)


@pytest.mark.parametrize(
    ("error", "said"),
    [(StudyError("model.name: no"), "model.name: no"), (KeyError("x"), "KeyError: 'x'")],
)
def test_what_stops_a_chain_is_told_with_its_stage(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopping(command: list[str], _: Path) -> None:
        if command[0] == "stages.prepare":
            raise error

    monkeypatch.setattr(toy, "write", lambda *_: None)
    monkeypatch.setattr(stages, "run", stopping)
    monkeypatch.setattr(chain, "read_json", lambda _: {"batching": "padded"})
    outcome = chain.run("qwen3", ROOT)
    assert (outcome.stages, outcome.batching, outcome.apart) == (1, "padded", None)
    assert not outcome.right
    assert table.line(outcome).startswith("qwen3: 1 stages, then prepare: ")
    assert table.line(outcome).endswith(said)


def test_what_is_too_far_apart_or_no_number_is_wrong() -> None:
    assert FIRST.right
    for apart in (2 * ALLOWED, float("nan")):
        wrong = Outcome("modernbert", CLASSIFIER, "padded", 22, apart)
        assert not wrong.right
        assert "WRONG" in table.line(wrong)


def test_a_row_is_written_and_others_stay() -> None:
    page = table.written("# Models\n\nof families\n", [LAST])
    both = table.written(page, [FIRST])
    assert both.startswith("# Models\n\nof families\n")
    assert "| lfm2 | instruction tuning | padded | 6 | 2e-08 |\n" in both
    assert "| modernbert | main | padded | 22 | 3e-06 |\n" in both
    assert both.index("| modernbert |") < both.index("| lfm2 |")
    assert table.written(both, [FIRST]) == both


def test_the_page_of_families_keeps_the_part() -> None:
    page = table.written("# Models\n", [FIRST])
    assert with_section("# Others\n", section(page)) == page.replace("# Models", "# Others")
    assert with_section("# Others\n", "") == "# Others\n"
    assert (page.count(START), page.count(END)) == (1, 1)


def test_the_loss_of_responses_is_their_tokens_mean() -> None:
    ids, lengths = torch.tensor([0, 3, 1, 2, 0, 1, 3]), torch.tensor([4, 3])
    logits = torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(0))
    log_p = logits.double().log_softmax(-1)
    expected = -(log_p[0, 1, 1] + log_p[0, 2, 2] + log_p[1, 1, 3]) / 3
    split = Split(ids.int(), lengths.int(), torch.tensor([2, 1]))
    torch.testing.assert_close(plain._loss(logits, split), expected)
