"""What did not train is said first, in plain words, with a command; and nothing if all did."""

from __future__ import annotations

import dataclasses
import re

from study.pages.report.untrained import BY_HEART, signs_table, warnings
from study.records.arm_names import FULL, HEAD_ONLY, LORA
from tests.study.analyses.undertraining.made import GOOD, GUESSING, arm, flat, straight, sweep
from tests.study.analyses.undertraining.test_undertraining import record
from tests.study.fake_records import fake_probe


def test_nothing_is_said_where_every_arm_trained():
    assert warnings(record()) == []


def test_where_no_rank_that_trained_clearly_beats_the_head_alone_that_is_said_first():
    """93.9 % of the head alone and 93.6 to 94.2 % of the ranks: a rank was recommended before."""
    near = {(LORA, 1): GOOD[HEAD_ONLY, None], (LORA, 4): GOOD[HEAD_ONLY, None] + 0.001}
    (line,) = warnings(record(accuracies=GOOD | near))
    assert line.startswith(
        "No rank of LoRA is clearly better on validation than the head alone (the trained head). "
    )
    (first, *_) = warnings(record(accuracies=GOOD | near | {(LORA, 1): 0.2}))
    assert first == line
    assert warnings(record(accuracies=GOOD | near | {(LORA, 4): 0.95})) == []


def test_every_rank_is_named_once_with_its_loss_and_the_command_last():
    short = sweep(lora={r: arm(LORA, r, flat, steps=20) for r in (1, 4)})
    lines = warnings(record(short, GOOD | {(LORA, 1): 0.52, (LORA, 4): 0.51}))
    assert lines == [
        "LoRA at every rank hardly learned anything: the training loss ended at 0.67, where "
        "guessing has 0.69.",
        "To train longer: `dvc exp run -S train.epochs=18`.",
    ]


def test_many_steps_that_taught_nothing_ask_for_other_rates():
    lines = warnings(record(sweep(lora={r: arm(LORA, r, flat) for r in (1, 4)})))
    assert lines[1] == (
        "To train at other rates: `dvc exp run -S 'lora.learning_rates=[0.0003,0.001,0.003]'`."
    )


def test_arms_that_differ_are_told_apart_by_the_worst_that_was_seen():
    results = sweep(lora={4: arm(LORA, 4, straight)}, full=arm(FULL, None, straight))
    lines = warnings(record(results, GOOD | {(LORA, 1): 0.52}))
    assert lines[0].startswith("LoRA at rank 1 is not shown to do better than one who always ")
    assert lines[1] == (
        "LoRA at rank 4 and full fine-tuning were still learning when training ended."
    )


def test_the_trained_head_is_named_only_where_no_probe_does_better():
    results = dataclasses.replace(sweep(), head_only=arm(HEAD_ONLY, None, straight))
    lines = warnings(record(results))
    assert lines[0] == "The head alone was still learning when training ended."
    better = record(results, probe=fake_probe(results.head_only, validation=0.99))
    assert better["head_alone"] == "linear_probe"
    assert warnings(better | {"arms": better["arms"][:1]}) == []


def test_an_arm_that_the_head_alone_beats_is_said_to_be():
    (line, _) = warnings(record(accuracies=GOOD | {(LORA, 1): 0.6}))
    assert line == "LoRA at rank 1 is right less often on validation than the head alone."
    (line, _) = warnings(record(accuracies=GOOD | {(LORA, 1): 0.6, (LORA, 4): 0.6}))
    assert line == "LoRA at every rank is right less often on validation than the head alone."


def test_the_table_has_every_arm_and_says_of_each_whether_it_trained():
    results = sweep(lora={4: arm(LORA, 4, straight)})
    cells = re.findall(r"<tr>(.*?)</tr>", signs_table(record(results)), re.DOTALL)[1:]
    words = [re.sub(r"<[^>]+>", " ", row) for row in cells]
    assert len(words) == 4
    assert ["still learning" in row for row in words] == [False, False, True, False]
    assert "LoRA, rank 4" in words[2]


def test_where_sentences_were_learned_by_heart_no_command_is_given():
    def by_heart(share: float) -> float:
        return GUESSING * max(0.01, 1 - 2 * share)

    results = sweep(lora={r: arm(LORA, r, by_heart) for r in (1, 4)})
    lines = warnings(record(results, GOOD | {(LORA, 1): 0.52}))
    assert lines[0].startswith("LoRA at rank 1 is not shown to do better than one who always ")
    assert lines[1:] == [BY_HEART]


def test_a_class_that_arms_never_name_is_said_with_a_metric_that_would_show_it():
    given = record(sweep())
    missed = [{"class": "net", "share": 0.09}]
    for row in given["arms"]:
        if (row["arm"], row["rank"]) in ((LORA, 1), (LORA, 4), (FULL, None), (HEAD_ONLY, None)):
            row["never_names"] = missed
    *_, said, how = warnings(given)
    ranks = sorted(row["rank"] for row in given["arms"] if row["arm"] == LORA)
    assert set(ranks) >= {1, 4}
    assert said == (
        "The class “net” (9.0 % of the validation sentences) is never named by LoRA of ranks 1 and "
        "4 and full fine-tuning."
    )
    assert "`dvc exp run -S statistics.metric=macro_f1`" in how
    assert warnings(given | {"metric": "macro_f1"})[-1] == said
