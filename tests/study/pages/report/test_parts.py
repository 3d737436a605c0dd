"""Each part of the page says what its record says, for studies of every shape."""

from __future__ import annotations

import base64
import copy
import dataclasses
import functools
import html
import re
from pathlib import Path

import pytest
import yaml

from study.metrics.measure import measure_named
from study.pages.figures.catalogue import FIGURES
from study.pages.report import claims, closing, measures, rates, sections, show, speed, tables, top
from study.pages.report.contents import TITLES, contents
from study.pages.report.html import Html
from study.pages.report.inputs import PICTURES
from tests.study.pages.report.made import REPOSITORY, SHAPES, made_page, made_study


@functools.cache
def study(name: str = "plain"):
    return made_study(SHAPES[name])


PROBE = study()["summary"]["linear_probe"]


@functools.cache
def page(name: str) -> str:
    return made_page(SHAPES[name])


def words(part: Html) -> str:
    """Return what a reader sees."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", part)).replace("\N{NO-BREAK SPACE}", " ")


def rows(part: Html) -> list[list[str]]:
    """Return the cells of a table's body."""
    body = part.split("<tbody>")[1].split("</tbody>")[0]
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in body.split("</tr>")]
    return [[words(cell).strip() for cell in row] for row in cells if row]


def rates_table(record) -> Html:
    """Return the table of learning rates."""
    return rates.learning_rate(record, PROBE)[0]


def changed(record, **parts):
    return copy.deepcopy(dict(record)) | parts


def test_every_picture_of_the_study_is_in_the_report_once():
    pictures = re.findall(r'<figure id="figure-(\w+)"', page("plain"))
    assert sorted(pictures) == sorted(FIGURES)
    graph = yaml.safe_load((REPOSITORY / "dvc.yaml").read_text(encoding="utf-8"))
    outs = [name for out in graph["stages"]["plot"]["outs"] for name in out]
    drawn = {Path(out).stem for out in outs if out.endswith(".svg")}
    assert drawn <= set(FIGURES)


def test_a_picture_is_the_one_that_the_stage_plot_saved():
    of = study()
    inside = re.findall(r'<figure id="figure-(\w+)".*?base64,([^"]+)"', page("plain"), re.DOTALL)
    assert {name: base64.b64decode(data) for name, data in inside} == of.pictures
    outs = yaml.safe_load((REPOSITORY / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    assert set(PICTURES.values()) <= set(outs["report"]["deps"])


def test_the_contents_lead_to_every_section():
    assert re.findall(r'href="#(\w+)"', contents()) == list(TITLES)
    assert re.findall(r'<section [^>]*\bid="(\w+)"', page("plain")) == list(TITLES)


@pytest.mark.parametrize("name", ["one", "plain"])
def test_the_table_of_arms_has_every_arm_with_its_numbers(name):
    summary = study(name)["summary"]
    table = rows(tables.arms(summary, 4))
    assert len(table) == 3 + len(summary["lora"])
    full = summary["full"]
    assert table[-1][0] == "Full fine-tuning"
    assert table[-1][1].startswith(f"{100 * full['test_accuracy']:.1f} %")
    assert table[-1][4] == f"{full['trainable_parameters']:,}"
    seeds = "one seed" if name == "one" else "seeds and sentences"
    assert seeds in words(tables.arms(summary, 4))


def test_a_headline_outside_the_sweep_has_a_row_of_its_own():
    labels = [row[0] for row in rows(tables.arms(study("twelve")["summary"], 4))]
    assert "LoRA, rank 20 headline" in labels
    assert "LoRA, rank 4 recommended" in labels
    assert len(labels) == 16


def test_a_headline_that_is_recommended_too_says_both():
    labels = [row[0] for row in rows(tables.arms(study("one")["summary"], 4))]
    assert labels == [
        "Head only",
        "Linear probe on mean-pooled states, the best head alone",
        "LoRA, rank 4 recommended and headline",
        "Full fine-tuning",
    ]


def test_the_head_that_validation_picked_is_marked_as_the_best():
    summary = study("one")["summary"] | {"head_alone": "head_only"}
    labels = [row[0] for row in rows(tables.arms(summary, 4))]
    assert labels[:2] == ["Head only the best head alone", "Linear probe on mean-pooled states"]
    table = rows(tables.arms(summary, 4))
    probe = summary["linear_probe"]
    assert table[1][1].startswith(f"{100 * probe['test_accuracy']:.1f} %")
    assert table[1][3] == table[-1][2]  # it has no learning rate, as full has no gap to itself
    assert table[1][4] == f"{probe['trainable_parameters']:,}"


def test_every_rank_has_a_verdict_at_every_margin_and_what_it_would_take():
    record = copy.deepcopy(study()["sufficient_rank"])
    told = [("equivalent", None, None), ("worse", None, None), ("cannot be told", 1200, 5)]
    of_ranks = record["equivalence"][0]["ranks"]
    for row, (verdict, seeds, sentences) in zip(of_ranks, told, strict=True):
        row |= {"verdict": verdict, "seeds_needed": seeds, "sentences_needed": sentences}
    record["equivalence"][0]["rank"] = 1
    record["equivalence"][0]["foreseen"] = 0.8  # as with 20 seeds and 200,000 sentences
    table = rows(tables.equivalence(record))
    assert [row[2] for row in table] == [
        "equivalent",
        "worse",
        "cannot be told 1,200 seeds would settle it",
    ]
    assert "rank 1 at 0.5 points" in words(tables.equivalence(record))


def test_a_rank_that_neither_seeds_nor_sentences_settle_is_said_to_need_both():
    record = copy.deepcopy(study()["sufficient_rank"])
    row = record["equivalence"][0]["ranks"][0]
    row |= {"verdict": "cannot be told", "seeds_needed": None, "sentences_needed": None}
    record["equivalence"][0]["foreseen"] = 0.8  # as with 20 seeds and 200,000 sentences
    said = "cannot be told seeds alone or sentences alone would not settle it"
    assert rows(tables.equivalence(record))[0][2] == said


def test_a_margin_that_is_out_of_reach_is_not_asked_about():
    """Three seeds and 3,000 sentences hardly ever show a rank to be within half a point."""
    record = copy.deepcopy(study()["sufficient_rank"])
    untold = {"verdict": "cannot be told", "seeds_needed": 12, "sentences_needed": 5}
    shown = {"verdict": "worse", "seeds_needed": None, "sentences_needed": None}
    for test, width, chance in zip(record["equivalence"], (0.5, 2.0), (0.0, 0.7), strict=False):
        test |= {"margin": width, "foreseen": chance}
        for row, said in zip(test["ranks"], (untold, shown, untold), strict=True):
            row |= said
    table = rows(tables.equivalence(record))
    assert [row[2] for row in table] == [
        "out of reach, so not asked",
        "worse",
        "out of reach, so not asked",
    ]
    assert table[0][3] == "cannot be told 12 seeds would settle it"


def test_shares_of_ranks_are_in_percent_and_no_rank_is_a_choice_too():
    record = changed(study()["sufficient_rank"], choice={"a": {"1": 0.25, "2": 0.75, "4": 0.0}})
    assert rows(tables.choice(record)) == [["a", "25", "75", "0"]]
    record["choice"]["b"] = {"1": 0.0, "2": 0.0, "4": 0.0, "none": 1.0}
    assert rows(tables.choice(record)) == [["a", "25", "75", "0", "–"], ["b", "0", "0", "0", "100"]]


def test_where_there_is_no_trend_to_test_the_reason_stands():
    assert "We cannot say whether accuracy rises with the rank: Page" in words(
        sections.rank(study("one"))
    )
    assert "for a rise and p" in words(sections.rank(study()))


def test_every_claim_is_there_with_its_verdict_and_they_are_counted():
    said = words(claims.claims(study()))
    assert "Of 4 claims about LoRA" in said
    assert "two hold, one does not hold and one cannot be told" in said
    assert "of 40 that are tested, one may come out wrong by chance" in said
    for row in study()["claims"]:
        assert row["claim"] in said
        assert row["source"] in said
        assert row["numbers"]["why"][1:] in said


def test_numbers_of_a_claim_are_written_whatever_they_are():
    numbers = {"a_b": -1.25, "c": [1, 2], "d": None, "e": {"x_y": True}, "f": 22713986, "why": "w"}
    numbers |= {"a_b_low": -2.0, "a_b_high": 0.5}
    row = {"claim": "c", "source": "s", "verdict": "holds", "numbers": numbers}
    said = words(claims.claims(dataclasses.replace(study(), records={"claims": [row]})))
    assert "W. A b −1.25 (−2 to 0.5); c 1, 2; d –; e x y: yes; f 22,713,986. Details" in said
    assert "Details and source Source: s." in said
    assert "Of 1 claim about LoRA" in said
    assert "one holds" in said


def test_what_was_left_out_of_the_data_is_counted_by_reason():
    told = "8,530 rows, dropped: 1 empty, 12 duplicate and 3 without label; 8,514 sentences"
    assert told in words(closing.data(study()))


def test_every_setting_is_shown():
    said = words(closing.settings(study()))
    for name, value in study().settings.items():
        assert name in said
        for key in value if isinstance(value, dict) else ():
            assert key in said
    assert "source: rotten_tomatoes" in said


def test_pairs_of_texts_are_told_at_the_top_and_with_the_data():
    own = study()
    assert "pairs" not in words(top.top(own)) + words(closing.data(own))
    records = changed(own.records, data=changed(own["data"], pairs_of=["premise", "hypothesis"]))
    pairs = dataclasses.replace(own, records=records)
    assert ", pairs of premise and hypothesis :" in words(top.top(pairs))
    assert "is a pair of texts, premise and hypothesis ," in words(closing.data(pairs))
    assert "Pairs that share a text" in words(closing.data(pairs))
    repeat = changed(own["data"], pairs_of=["a", "b"], pair_halves="may_repeat")
    repeated = dataclasses.replace(own, records=changed(own.records, data=repeat))
    assert "Only pairs that have both texts in common" in words(closing.data(repeated))


def test_without_a_file_of_the_machine_the_page_says_so():
    bare = dataclasses.replace(study(), machine={})
    assert "Nothing is known of the machine" in words(closing.machine(bare))
    assert "Speed and memory were not measured" in words(sections.cost(bare))


def test_settings_within_settings_read_like_the_others():
    assert closing._setting({"rates": [0.002], "where": [["a", "b"]], "x": None}) == (
        "rates: [0.002], where: a: b, x: null"
    )


def test_versions_that_differ_between_stages_are_both_shown():
    files = copy.deepcopy(dict(study().machine))
    files["full"]["versions"]["torch"] = "9.9"
    said = words(closing.machine(dataclasses.replace(study(), machine=files)))
    assert re.search(r"torch 2\.13\.0\+cpu, 9\.9|torch 9\.9, 2\.13\.0\+cpu", said)


def test_stages_come_in_the_order_of_their_ranks_and_empty_columns_are_left_out():
    one = study().machine["full"]
    files = {"lora-r16": one, "lora-r2": one, "full": one | {"seconds": None}}
    table = rows(closing.machine(dataclasses.replace(study(), machine=files)))
    assert table == [
        ["full", "–", "1.7 GiB"],
        *(([f"lora-r{r}", "86", "1.7 GiB"]) for r in (2, 16)),
    ]
    files["full"] = one | {"peak_gpu_memory_bytes": 2**30}
    table = rows(closing.machine(dataclasses.replace(study(), machine=files)))
    assert table[0] == ["full", "86", "1.7 GiB", "1 GiB"]


def test_speed_is_shown_for_every_arm_and_every_way_to_apply_an_adapter():
    said = words(speed.speed(study().machine["cost"]))
    for name in ("Head only", "LoRA, rank 4", "Full fine-tuning", "Beside the base, rank 1"):
        assert name in said
    assert "Merged, rank 1" in said
    assert "Merged, rank 4" in said


def test_a_merged_model_is_equal_to_the_base_only_where_the_record_says_so():
    record = copy.deepcopy(study().machine["cost"])
    first = record["latency"][0]["merged"][0]
    first |= {"verdict": "slower", "interval": {"ratio": 1.1, "low": 1.07, "high": 1.2}}
    told = rows(speed._merged(record))
    assert told[0] == ["Rank 1 fp32, batches of 1", "1.100 1.070 to 1.200", "slower"]
    assert [row[-1] for row in told[1:]] == ["equal"] * 7


def test_an_arm_whose_memory_was_not_measured_says_why():
    record = copy.deepcopy(study().machine["cost"])
    record["memory"][0] = {"arm": "head_only", "rank": None, "reason": "the process was ended"}
    assert "the process was ended" in words(speed.speed(record))


def test_rates_that_were_not_tried_by_an_arm_leave_a_gap_and_the_picked_one_is_marked():
    record = copy.deepcopy(study()["learning_rate"])
    record["arms"][0]["rates"] = record["arms"][0]["rates"][:1]
    table = rows(rates_table(record))
    assert table[0][2] == ""
    assert "*" not in table[0][1]  # the only one that was tried, so not picked
    assert "*" in table[2][1]  # after the linear probe's
    assert "*" not in table[2][2]


def test_a_rate_that_early_exit_dropped_is_named_in_both_tables_with_what_it_went_by():
    gone = {"rate": 0.009, "validation": 0.612, "step": 47, "steps": 94}
    several = copy.deepcopy(study()["learning_rate"])
    several["arms"][1]["dropped"] = [gone, gone | {"rate": 0.1, "validation": None}]
    assert "dropped" not in words(rates_table(study()["learning_rate"]))
    table = rows(rates_table(several))
    assert (table[2][3], table[2][4]) == ("61.2 dropped", "diverged dropped")
    assert table[3][3] == ""
    assert "after 50 % of the steps" in words(rates_table(several))
    one = copy.deepcopy(study("one")["learning_rate"])
    full = next(arm for arm in one["arms"] if arm["arm"] == "full")
    full["dropped"] = [gone]
    table = rows(rates_table(one))
    assert table[-1][1:] == ["0.009", "61.2", "dropped"]
    assert "*" in table[-2][1]
    assert rates.unequal(several) is None


def test_the_states_and_penalty_of_the_probe_stand_beside_the_rates_with_its_accuracies():
    probe = PROBE | {"c": 0.00316, "validation_accuracy": 0.783, "test_accuracy": 0.7404}
    label = "Linear probe on mean-pooled states, C = 0.00316"
    several = rates.learning_rate(study()["learning_rate"], probe)[0]
    assert "no rate" in several
    head, row, *_, full = rows(several)
    assert row == [label, "", "", "78.3 74.0"]
    assert (head[-1], full[-1]) == ("", "")
    one = rates.learning_rate(study("one")["learning_rate"], probe)[0]
    assert rows(one)[1] == [label, "–", "78.3", "74.0"]
    for table in (several, one):
        assert "The linear probe has no rate: validation picked its states and C" in words(table)


def test_where_an_arm_has_one_rate_nothing_was_picked_and_gaps_say_so():
    record = copy.deepcopy(study()["learning_rate"])
    assert rates.unequal(record) is None  # every arm had several
    for arm in record["arms"]:
        if arm["arm"] == "lora":
            arm["rates"] = arm["rates"][:1]
    said = rates.unequal(record)
    assert said.startswith("For LoRA one rate was tried, so nothing was picked.")
    assert "a part of a gap to full fine-tuning may come from that" in said
    one = dataclasses.replace(study(), records={**study().records, "learning_rate": record})
    for section in (sections.rank, sections.capacity, sections.training):
        assert words(section(one)).count("one rate was tried, so nothing was picked") == 1
        assert "nothing was picked" not in words(section(study()))
    assert rates.unequal(study("one")["learning_rate"]).startswith("For every arm one rate")
    table = words(rates_table(record))
    assert "best on validation" in table
    assert [row[0] for row in rows(rates_table(record)) if "*" in "".join(row)] == [
        "Head only",
        "Full fine-tuning",
    ]


def test_with_one_rate_the_caption_alone_says_what_cannot_be_told():
    record = study("one")["learning_rate"]
    said = " ".join(words(part) for part in rates.learning_rate(record, PROBE))
    assert "forced" not in said
    assert "nearest" not in said
    assert "LoRA’s rate is full fine-tuning’s own, a ratio of 1. About 10 is expected, " in said
    assert "but this is no test of it: one rate was tried in LoRA and full fine-tuning" in said
    table = rows(rates_table(record))
    rate = f"{record['arms'][1]['best']:g}"
    assert [row[:2] for row in table if row[0] == "LoRA, rank 4"] == [["LoRA, rank 4", rate]]
    assert all("" not in row for row in table)  # no column that is empty but for one arm
    shown = sections.training(study("one"))
    assert "which rate is best" in words(shown)
    assert 'id="figure-learning_rate"' not in shown
    assert 'id="figure-learning_rate"' in sections.training(study())


@pytest.mark.parametrize(
    ("rise", "fall", "said"),
    [
        (0.08, 0.93, "We cannot say: these runs leave it open"),
        (0.03, 0.98, "We cannot say: these runs leave it open"),  # both directions share 0.05
        (0.004, 0.99, "Yes: these runs show a rise"),
        (0.99, 0.02, "No: these runs show a fall"),
    ],
)
def test_a_trend_is_told_with_what_its_p_value_means(rise, fall, said):
    trend = {"p_value": rise, "p_value_of_a_fall": fall, "reason": None}
    told = words(sections._trend(trend, 0.05, measure_named("accuracy"))).strip()
    assert f"Does accuracy rise with the rank? {said}." in told
    assert f"p = {rise:g} for a rise and p = {fall:g} for a fall" in told
    assert "If the rank did not matter" in told
    assert told.index("Details of the test") < told.index("Page’s trend test")
    assert "where its p is 0.025 or less: both directions are asked" in told
    assert "A larger p shows nothing" in told
    assert "in up to 9.5 %, and in 5 % where" in told[told.index("Details of the test") :]
    untold = words(
        sections._trend({"reason": "one rank was tried"}, 0.05, measure_named("accuracy"))
    ).strip()
    assert untold == "We cannot say whether accuracy rises with the rank: one rank was tried."


def test_the_nearest_prediction_and_what_turns_over_are_told():
    predictions = [{"scaling": "fixed", "exponent": 0.0}, {"scaling": "rslora", "exponent": -0.25}]
    exponent = {"value": -0.3, "nearest": "rslora", "predictions": predictions, "note": None}
    forced = [{"rate": 0.001, "turned_over": []}, {"rate": 0.002, "turned_over": ["x is y"]}]
    record = changed(study()["learning_rate"], exponent=exponent, forced=forced)
    said = " ".join(words(part) for part in rates.learning_rate(record, PROBE))
    assert (
        "The measured power is −0.3. Of the predicted ones the nearest is −0.25, for alpha" in said
    )
    assert "With the rate 0.001 at every rank, no conclusion would change." in said
    assert "With the rate 0.002 at every rank, 1 conclusion would change" in said
    assert "X is y." in said


def test_a_rule_without_a_rank_is_shown_without_one():
    record = copy.deepcopy(study()["rules_of_thumb"])
    first, second = record["rules"][:2]
    first |= {"rank": None, "low": None, "high": None, "verdict": "cannot be told", "numbers": {}}
    second |= {"rank": 3, "low": 2, "high": 5, "verdict": "too small"}
    second["numbers"]["right_in"] = 0.256
    table = rows(measures.rules(record))
    assert table[0][1:] == ["–", "cannot be told", "–", "–"]
    assert table[1][1:] == ["3", "too small", "2 to 5", "26"]
    ranges = [row for row in table if row[0].startswith("Start small")]
    assert [row[1] for row in ranges] == ["4 to 16"]
    assert "A rule is right if it picks rank" in words(measures.rules(record))


def test_one_seed_has_nothing_to_disagree_with_itself():
    table = rows(measures.agreement(study("one")["agreement"]))
    assert table[-1] == ["Full fine-tuning, another seed", "–", "–", "–"]
    record = study()["agreement"]
    table = rows(measures.agreement(record))
    yardstick = record["divergence"]["full_with_itself"]
    assert table[-1][1] != "–"
    assert f"{yardstick['low']:.3f} to {yardstick['high']:.3f}" in table[-1][2]
    full = next(row for row in record["divergence"]["arms"] if row["arm"] == "full")
    assert table[-2][0] == "Full fine-tuning"
    assert table[-2][3].startswith(f"{full['from_pretrained']:.3f}")
    said = words(measures.agreement(record))
    assert "of the same seed, the last row with another seed" in said
    others = [r["different_seeds"] for r in record["disagreement"]["arms"] if r["arm"] == "lora"]
    least, most = (f"{100 * of(row['mean'] for row in others):.1f}" for of in (min, max))
    differ = f"{least} to {most}" if least != most else least
    assert f"With another seed, LoRA and full fine-tuning differ in {differ} % of answers." in said


@pytest.mark.parametrize("name", ["one", "plain"])
def test_the_linear_probe_disagrees_and_what_takes_logits_is_left_out(name):
    record = copy.deepcopy(study(name)["agreement"])
    told = next(r for r in record["disagreement"]["arms"] if r["arm"] == "linear_probe")
    told |= {"mean": 0.2512, "low": 0.2, "high": 0.3049}
    shown = measures.agreement(record)
    assert rows(shown)[1] == ["Linear probe", "25.1 20.0 to 30.5", "–", "–"]
    assert "only its classes are kept, so it has no divergence" in words(shown)
    calibrated = measures.calibration(record)
    assert "Linear probe" not in [row[0] for row in rows(calibrated)]
    assert "The linear probe is left out" in words(calibrated)


def test_the_linear_probe_costs_one_pass_and_has_no_optimiser_and_nothing_to_merge():
    shown = measures.cost(study()["cost"])
    parameters = f"{PROBE['trainable_parameters']:,}"
    accuracy = f"{100 * PROBE['test_accuracy']:.1f} %"
    row = ["Linear probe", parameters, "1.5 KiB", "–", "44 M", "–", accuracy]
    assert rows(shown)[1] == row
    assert "the fit itself is not counted" in words(shown)


def test_the_room_of_every_rank_is_told_beside_the_verdict_and_every_verdict_is_explained():
    told = copy.deepcopy(study()["capacity"])
    told["readings"][0] |= {"lora_is": "short", "truncated_is": "near", "reading": "cannot be told"}
    said = words(
        sections.capacity(
            dataclasses.replace(study(), records={**study().records, "capacity": told})
        )
    )
    assert (
        "Rank 1: LoRA falls short of full fine-tuning. Full fine-tuning’s own update, cut down to "
        "this rank, comes within 2 points of full fine-tuning."
    ) in said
    assert "Does LoRA come within 2 points of full fine-tuning?" in said
    assert "An update falls short where it is surely below full fine-tuning, and may be" in said
    assert "where it falls short, an update that is trained at that rank may not" in said
    for meaning in told["meaning"]:
        assert f"{meaning.capitalize()} :" in said


def test_keys_of_a_record_are_left_out_of_its_notes():
    notes = sections._notes({"similarity": "In the first matrix (same_start) it starts so."})
    assert "In the first matrix it starts so." in words(notes[0])


@pytest.mark.parametrize("name", ["one", "plain"])
def test_no_word_of_a_program_is_left_in_the_page(name):
    shown = re.sub(r"<style>.*?</style>|<code>.*?</code>", "", page(name), flags=re.S)
    said = re.sub(r"<[^>]+>", "|", shown).replace("\N{NO-BREAK SPACE}", " ")
    assert not re.search(r"\bNone\b|\bnan\b|\binf\b|\{|\}|\bTrue\b|\bFalse\b", said)
    assert not re.search(r"(?<![\d.,])1 (seeds|ranks|classes|sentences|points)\b", said)


def test_what_the_notebook_may_show_is_all_there():
    assert {"top", "title", "read_study", *TITLES} == set(show.__all__)


@pytest.mark.parametrize("name", ["macro F1", "Matthews", "log loss"])
def test_a_page_of_another_metric_names_it_and_speaks_of_no_accuracy(name: str) -> None:
    """But for what is of right and wrong by its nature: calibration."""
    seen = html.unescape(words(Html(re.sub(r"(?s)<style.*?</style>", " ", page(name)))))
    metric = measure_named(SHAPES[name].metric).words
    assert f"test {metric}".lower() in seen.lower().replace("’", "'")
    left = [seen[found.start() - 60 : found.end() + 40] for found in re.finditer("ccurac", seen)]
    assert [each for each in left if "onfiden" not in each] == []
