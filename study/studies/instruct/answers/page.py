"""The results README of instruction tuning, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from study.analyses.sufficiency.verdicts import UNTOLD
from study.records.arm_names import FULL
from study.studies.instruct.answers import figure
from study.studies.instruct.answers.answer import QUESTIONS, answer, apart, span
from study.studies.instruct.answers.compare import Arm
from study.studies.instruct.answers.questions import TIME, name, per_cent
from study.words.phrases import capitalised, counted, listed

Record = Mapping[str, Any]


def page(record: Record, seconds: Mapping[Arm, float]) -> str:
    """Write all that the comparison says.

    Args:
        record: all_results.json.
        seconds: measured, of an arm's stage where it is known; shown, and nothing decided by it.
    """
    return (
        "\n\n".join(
            [
                "# LoRA ranks in instruction tuning",
                "Written by `dvc repro instruct/dvc.yaml` from `all_results.json`; edits are lost.",
                _answer(record),
                _setting(record),
                *_dropped(record),
                f"![{figure.alternative(record)}](rank_comparison.png)",
                figure.caption(record),
                "## Results",
                _results(record, seconds),
                _notes(record, seconds),
                "## How far from full fine-tuning",
                _over_full(record),
                *_generated(record),
                "## The questions",
                _scope(record),
                *(_question(entry, seconds) for entry in record["questions"]),
                "## What was expected, and what came out",
                _hypotheses(record),
                "## What follows",
                _learned(record),
            ]
        )
        + "\n"
    )


def _answer(record: Record) -> str:
    told = zip(QUESTIONS, answer(record), strict=True)
    return "\n".join(f"- *{question}* {sentence}" for question, sentence in told)


def _setting(record: Record) -> str:
    made = "made by templates of labelled reviews in" if record["form"] == "reviews" else "from"
    text = (
        f"`{record['model']}` ({record['total_parameters'] / 1e6:.1f} million parameters) was "
        "tuned by LoRA and in full on "
        f"{counted(record['train_pairs'], 'instruction–response pair')} {made} "
        f"`{record['source']}`, with {counted(len(record['seeds']), 'seed')} for each. "
    )
    if record["system"] is not None:
        text += f"Before every instruction goes the message “{record['system']}” "
    text += (
        "Loss and perplexity are those of response tokens, "
        f"{record['test_response_tokens']:,} of them in {record['test_pairs']:,} held-out pairs. "
    )
    cut = {name: number for name, number in record["responses_cut"].items() if number}
    if cut:
        text += (
            f"Pairs end at {record['max_length']} tokens, which cuts responses short: "
            f"{listed([f'{number:,} in {name}' for name, number in cut.items()])}. "
        )
    text += (
        f"Intervals are at {record['confidence']:.0%}, over held-out pairs and, where there are "
        "several, seeds."
    )
    return text.replace("%", " %")


def _dropped(record: Record) -> list[str]:
    """Say what of the source was left out, in a paragraph, if anything was."""
    left = {reason: number for reason, number in record["dropped"].items() if number}
    if not left:
        return []
    told = [f"{number:,} ({reason.replace('_', ' ')})" for reason, number in left.items()]
    return [f"Left out of the source's {counted(record['rows'], 'row')}: {listed(told)}."]


def _scope(record: Record) -> str:
    """Say what verdicts are about, and which error rate they share."""
    runs = (len(record["ranks"]) + 1) * len(record["seeds"])
    pairs = len(record["differences"])
    text = ""
    if len(record["seeds"]) == 1:
        text = (
            f"With one seed every verdict below is about {_these(runs)}, on other held-out pairs "
            "of this kind. Another seed's runs may come out otherwise. "
        )
    text += (
        f"Margins are {_margins(record)} of perplexity (`compare.margins`); each question is "
        "answered at the smallest at which it can be told, else at the widest. A rank gains that "
        "much over another if the other's perplexity lies so far above its own. Numbers in "
        "brackets are intervals."
    )
    alpha = 1 - record["confidence"]
    return text + _folded(
        "How this was tested",
        f"The intervals of the {counted(pairs, 'difference')} between ranks, and to full "
        f"fine-tuning, are wide enough to hold all together at {100 * record['confidence']:g} % "
        "(Bonferroni). All verdicts follow from them, so that this is the error rate of all "
        "questions together, at all margins and in both directions. Each p is one-sided and "
        f"multiplied by {pairs}. Something is ruled out where its p is {alpha / 2:.3g} or less.",
    )


def _margins(record: Record) -> str:
    return f"{listed([f'{margin:g}' for margin in record['margins']])} %"


def _over_full(record: Record) -> str:
    """Say of every rank where its perplexity lies beside full fine-tuning's, and the verdicts."""
    margins = [f"{margin:g}" for margin in record["margins"]]
    rows = []
    for row in record["ranks"]:
        over = row["over_full"]
        where = apart(-over["gain"]).removesuffix(" full fine-tuning's").removesuffix(" with")
        rows.append(
            [
                str(row["rank"]),
                where,
                span(-over["joint_high"], -over["joint_low"]),
                *(over["verdicts"][margin] for margin in margins),
            ]
        )
    head = ["Rank", "Perplexity beside full's", "Interval"]
    note = (
        "Intervals hold all together, with those of the questions below. Equivalent: the interval "
        "lies within the margin. Worse or better: it lies beyond."
    )
    return f"{table([*head, *(f'At {margin} %' for margin in margins)], rows)}\n\n{note}"


def _generated(record: Record) -> list[str]:
    """Write what became of generated text, if any was asked for: a heading, a table and a note."""
    generated = record["generated"]
    if generated is None:
        return []
    rouge = generated["metric"] == "rouge_l"
    rows = [
        [
            "before" if row["arm"] == "before" else name(row["rank"] or FULL),
            f"{row['score']:.3f} ({row['low']:.3f} to {row['high']:.3f})",
        ]
        for row in generated["arms"]
    ]
    what = (
        "ROUGE-L is the F value of the longest common subsequence of words"
        if rouge
        else "An exact match has the same words as the held-out response, in the same order"
    )
    note = (
        f"Written greedily to the held-out prompts by seed {generated['seed']} of every arm; "
        f"{what}. Intervals are over pairs, each arm's own; no verdict rests on them. The texts "
        "are in `generated.json`."
    )
    title = "ROUGE-L" if rouge else "Exact matches (share)"
    return ["## Text that the models wrote", table(["Arm", title], rows), note]


def _folded(title: str, words: str) -> str:
    """Write a paragraph that a click on its title shows, in Markdown as GitHub renders it."""
    return f"\n\n<details><summary>{title}</summary>\n\n{words}\n\n</details>"


def _these(runs: int) -> str:
    return "this one run" if runs == 1 else f"these {runs} runs"


def _question(entry: Mapping[str, Any], seconds: Mapping[Arm, float]) -> str:
    told = entry["answer"]
    ranks = [arm for arm in seconds if isinstance(arm, int)]
    if entry["question"] == TIME and len(ranks) > 1:
        first, last = min(ranks), max(ranks)
        more = 100 * (seconds[last] / seconds[first] - 1)
        told += (
            f" Measured, once and on one machine: {seconds[first]:.0f} s at rank {first}, "
            f"{seconds[last]:.0f} s at rank {last}, {abs(more):.0f} % "
            f"{'more' if more >= 0 else 'less'}, of whole stages; the verdict is of operations."
        )
    return f"**{entry['question']}** {told} *({entry['statement']}: {entry['verdict']}.)*"


def _results(record: Record, seconds: Mapping[Arm, float]) -> str:
    head = [
        "Arm",
        "Trained parameters",
        "Training loss, last epoch",
        "Held-out loss",
        "Perplexity",
    ]
    head += ["Token accuracy", "Operations"] + (["Seconds"] if seconds else [])
    before = record["before"]
    rows = [["before", "0", "–", *_level(before), "–"] + (["–"] if seconds else [])]
    for row in (*record["ranks"], record["full"]):
        arm = row["rank"] or FULL
        cells = [
            name(arm),
            f"{row['trainable_parameters']:,} ({100 * row['trainable_share']:.2f} %)",
            f"{row['last_epoch_train_loss']:.3f}",
            *_level(row),
            f"{row['operations']:.3g}",
        ]
        if seconds:
            known = seconds.get(arm)
            cells.append("–" if known is None else f"{known:.0f}")
        rows.append(cells)
    return table(head, rows)


def _level(row: Mapping[str, Any]) -> list[str]:
    return [
        f"{row['test_loss']:.3f} ({row['low']:.3f} to {row['high']:.3f})",
        f"{row['test_perplexity']:.2f} ({row['perplexity_low']:.2f} to "
        f"{row['perplexity_high']:.2f})",
        f"{100 * row['test_token_accuracy']:.1f} %",
    ]


def _notes(record: Record, seconds: Mapping[Arm, float]) -> str:
    steps = counted(record["full"]["steps"], "step")
    note = (
        "Shares are of base and adapter together. Arms are compared on the same pairs and seeds, "
        "so their differences are far surer than these intervals suggest. Operations are "
        f"those of a run's matrix products, counted. Every run took up to {steps}. "
        f"{_rates(record)}"
    )
    if seconds:
        note += " Seconds are those of whole stages, measured once; no verdict rests on them."
    return note


def _rates(record: Record) -> str:
    rows = (*record["ranks"], record["full"])
    several = [row for row in rows if len(row["learning_rates"]) > 1]
    parts = []
    if several:
        seeds = counted(len(several[0]["search_seeds"]), "seed")
        picked = listed([f"{row['learning_rate']:g} for {_arm(row)}" for row in several])
        parts.append(f"Learning rates, picked on validation by {seeds}: {picked}.")
        parts += _at_an_end(several)
        gone = [
            f"{listed([f'{rate:g}' for rate in row['dropped']])} for {_arm(row)}"
            for row in several
            if row.get("dropped")
        ]
        if gone:
            parts.append(f"Dropped before their end, by early exit: {listed(gone)}.")
    single = [row for row in rows if len(row["learning_rates"]) == 1]
    if single:
        rates = listed([f"{row['learning_rate']:g} for {_arm(row)}" for row in single])
        parts.append(
            f"One learning rate alone was tried: {rates}. At another arms may compare otherwise."
        )
    return " ".join(parts)


def _at_an_end(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say of which arms the picked rate is an end of those that were tried."""
    found = []
    for extreme, words in ((max, "largest"), (min, "smallest")):
        arms = [_arm(row) for row in rows if row["learning_rate"] == extreme(row["learning_rates"])]
        if arms:
            found.append(f"for {listed(arms)} it is the {words} that was tried")
    if not found:
        return []
    return [f"{capitalised('; '.join(found))}: beyond it an arm may do better."]


def _arm(row: Mapping[str, Any]) -> str:
    return name(row["rank"] or FULL)


def _hypotheses(record: Record) -> str:
    rows = [
        [entry["about"], entry["expected"], _verdict(entry), entry["evidence"]]
        for entry in record["hypotheses"]
    ]
    note = "Margins, intervals and p values are those explained above the questions."
    if record["not_trained"]:
        which = "rank" if len(record["not_trained"]) == 1 else "ranks"
        note += f" What was expected of {which} {listed(record['not_trained'])}, not trained here, "
        note += "is left out."
    if len(record["seeds"]) == 1:
        note += f" One seed: {_these(len(record['ranks']) + 1)}, no others."
    return table(["About", "Expected", "Verdict", "Evidence"], rows) + "\n\n" + note


def _verdict(entry: Mapping[str, Any]) -> str:
    """Write a verdict, with the margin at which it is told if there is one."""
    told = "margin" in entry and entry["verdict"] != UNTOLD
    at = f" at {entry['margin']:g} %" if told else ""
    return f"**{entry['verdict']}**{at}"


def _learned(record: Record) -> str:
    rows = record["ranks"]
    best = max(rows, key=lambda row: row["over_before"]["gain"])
    over = best["over_before"]
    lines = [
        f"Tuning lowers perplexity by {-per_cent(-over['gain']):.0f} % at rank {best['rank']} "
        f"({-per_cent(-over['low']):.0f} % to {-per_cent(-over['high']):.0f} %)."
    ]
    if len(rows) > 1:
        gains = [row["over_before"]["gain"] for row in rows]
        spread = max(gains) - min(gains)
        lines.append(
            f"The worst rank's perplexity lies {per_cent(spread):.1f} % above the best one's."
        )
    untold = [entry["about"] for entry in record["hypotheses"] if entry["verdict"] == UNTOLD]
    if untold:
        lines.append(
            f"To settle what cannot be told ({listed(untold)}), take more seeds (`seeds`), then "
            "more held-out pairs (`data.test_size`)."
        )
    return "\n".join(f"- {line}" for line in lines)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)
