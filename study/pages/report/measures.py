"""The tables of what was measured beside accuracy: rules of thumb, agreement, rates, cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from study.pages.report.html import NOTHING, Html, Text, badge, paragraph, table, text
from study.pages.report.numbers import counted_short, number, stored, with_interval
from study.pages.report.tables import rank_or_none
from study.records.arm_names import FULL, LORA
from study.words.arms import arm_label
from study.words.phrases import capitalised, listed, margin
from study.words.scores import measure_of, shown

Record = Mapping[str, Any]


def rules(record: Record) -> Html:
    """Return what each rule of thumb would have picked, against what was measured."""
    rows = []
    for row in record["rules"]:
        span = NOTHING
        if row["low"] != row["high"]:
            span = f"{number(row['low'])} to {number(row['high'])}"
        picked = span if row["range"] else number(row["rank"])
        verdict = row["verdict"]
        rows.append(
            [
                Html(f'{text(row["rule"])}<span class="interval">{text(row["source"])}</span>'),
                picked,
                badge(verdict.replace("by a factor of ", "× ")),
                NOTHING if row["range"] else span,
                _percent(row["numbers"].get("right_in")),
            ]
        )
    measured = record["measured"]
    equivalent = [
        f"{rank_or_none(rank)} within {margin(float(width))}"
        for width, rank in measured["equivalent"].items()
    ]
    return table(
        "What each rule would have picked",
        ("Rule", "Rank", "Verdict", "From matrix to matrix", "Right in resamples, %"),
        rows,
        note=f"{_held_against(measured)} A rule's rank is rounded up to the next one that was "
        f"trained; above the largest it is taken as it is. Smallest rank that the test sentences "
        f"show to be equivalent to full fine-tuning: {listed(equivalent)}.",
        words=(0, 2),
        long=True,
    )


def _held_against(measured: Record) -> str:
    if measured["recommended"] is None:
        return "No rank is recommended that the rules could be compared with."
    return (
        f"A rule is right if it picks rank {measured['recommended']}, which the study recommends "
        f"on {measured['split']}, the test sentences unseen. Right in resamples: in how many "
        f"percent of draws of other seeds and {measured['split']} sentences the study would have "
        f"recommended the rule's pick."
    )


def _percent(share: float | None) -> str:
    return NOTHING if share is None else f"{100 * share:.0f}"


def agreement(record: Record) -> Html:
    """Return how often each arm answers otherwise than full fine-tuning, and how far it moved."""
    if "undefined" in record:
        return paragraph(f"Agreement is {record['undefined']}.")
    parted = record["divergence"]
    moved = {(row["arm"], row["rank"]): row for row in parted["arms"]}
    rows: list[list[Text]] = []
    for row in record["disagreement"]["arms"]:
        name = row["arm"], row["rank"]
        label = arm_label(*name)
        rows.append([label, *_disagreement(row), *_divergence(moved.get(name))])
    full = moved.get((FULL, None))
    rows.append([arm_label(FULL, None), NOTHING, NOTHING, _nats(full, "from_pretrained")])
    itself = [_itself(record["disagreement"]), _itself_divergence(parted), NOTHING]
    rows.append(["Full fine-tuning, another seed", *itself])
    return table(
        "Agreement with full fine-tuning on the test sentences",
        (
            "Arm",
            "Other answers, %",
            "Divergence from full, nats",
            "Divergence from pretrained, nats",
        ),
        rows,
        note=f"Below each number its {100 * record['confidence']:g} % interval, over "
        f"{record['interval']}. A divergence says how far apart the class probabilities of two "
        f"models are (Kullback-Leibler, mean over sentences); at 0 nats they are the same."
        f"{_pairs(record['disagreement'])} The linear probe has no seeds, so it is compared with "
        f"each of full fine-tuning's; only its classes are kept, so it has no divergence.",
    )


def _pairs(disagreement: Record) -> str:
    """Say which seeds are held against each other, where there are several."""
    lora = [row["different_seeds"] for row in disagreement["arms"] if row["arm"] == LORA]
    if "reason" in disagreement["full_with_itself"] or any("mean" not in row for row in lora):
        return ""
    values = sorted({f"{100 * row['mean']:.1f}" for row in lora}, key=float)
    between = " to ".join(dict.fromkeys([values[0], values[-1]]))
    return (
        " Each arm is compared with full fine-tuning of the same seed, the last row with another "
        f"seed. With another seed, LoRA and full fine-tuning differ in {between} % of answers."
    )


def _disagreement(row: Record) -> list[Text]:
    if row.get("mean") is None:
        return [NOTHING]
    low, high = row.get("low"), row.get("high")
    if low is None or high is None:
        return [f"{100 * row['mean']:.1f}"]
    return [with_interval(*(f"{100 * value:.1f}" for value in (row["mean"], low, high)))]


def _divergence(row: Record | None) -> list[Text]:
    return [_nats(row, "from_full"), _nats(row, "from_pretrained")]


def _nats(row: Record | None, key: str) -> Text:
    if row is None or row.get(key) is None:
        return NOTHING
    low, high = row.get(f"{key}_low"), row.get(f"{key}_high")
    if low is None or high is None:
        return f"{row[key]:.3f}"
    return with_interval(*(f"{value:.3f}" for value in (row[key], low, high)))


def _itself(disagreement: Record) -> Text:
    return _disagreement(disagreement["full_with_itself"])[0]


def _itself_divergence(divergence: Record) -> Text:
    own = divergence["full_with_itself"]
    ends = {f"mean_{end}": own.get(end) for end in ("low", "high")}
    return _nats({"mean": own.get("mean"), **ends}, "mean")


def calibration(record: Record) -> Html:
    """Return how far each arm's confidence is what it says."""
    rows = [
        [
            arm_label(row["arm"], row["rank"]),
            f"{100 * row['ece']:.1f}",
            f"{row['brier']:.3f}",
            f"{row['nll']:.3f}",
            capitalised(row.get("verdict", NOTHING)),
        ]
        for row in record["calibration"]
    ]
    return table(
        "Calibration on the test sentences",
        ("Arm", "Calibration error, %", "Brier score", "Log loss, nats", "Verdict"),
        rows,
        note="Calibration error: how far the share of right answers is from the confidence, on "
        "average. Brier score and log loss: the lower, the better the probabilities. The linear "
        "probe is left out, as only its classes are kept.",
        words=(0, 4),
    )


def cost(record: Record) -> Html:
    """Return what each arm costs, as far as it follows without a clock."""
    rows = [
        [
            arm_label(row["arm"], row["rank"]),
            f"{row['trainable_parameters']:,}",
            stored(row["storage_bytes"]),
            stored(row["optimizer_state_bytes"]),
            counted_short(row["flops_per_token"]),
            {True: "yes", False: "no"}.get(row["mergeable"], NOTHING),
            shown(row),
        ]
        for row in record["arms"]
    ]
    return table(
        "Cost and quality of every arm",
        (
            "Arm",
            "Trainable parameters",
            "Storage of a task",
            "Optimiser state",
            "Operations of training, per token",
            "Merges into the base",
            f"Test {measure_of(record['arms'][0]).words}",
        ),
        rows,
        note="Storage: what a task takes on disk beside the base model. Optimiser state: AdamW's "
        "two moments, in fp32. Operations: floating-point, counted, forward and backward. Those of "
        "the linear probe are one pass of the encoder over the training sentences; the fit itself "
        "is not counted.",
    )
