"""The head of the page: what was studied, the answer, and what else there is to read."""

from __future__ import annotations

from study.analyses.results.summary import entries
from study.metrics.measure import ACCURACY
from study.pages.report import placed, settling
from study.pages.report.answer import QUESTIONS, answer, recommended
from study.pages.report.contents import contents
from study.pages.report.html import Html, facts, folded, joined, paragraph, text
from study.pages.report.inputs import Study
from study.pages.report.numbers import part, signed
from study.pages.report.untrained import warnings
from study.records.arm_names import LORA
from study.words.phrases import counted, listed
from study.words.scores import digits, measure_in, points_words

TITLE = "Which LoRA rank is enough?"


def title(study: Study) -> str:
    """Return what a browser shows as the page's name."""
    return f"{TITLE} {study.settings['model']['name']} on {study.settings['data']['name']}"


def top(study: Study) -> Html:
    """Return the head of the page."""
    return joined(
        [
            Html(f"<header>\n<h1>{TITLE}</h1>"),
            paragraph(_subject(study), "subject"),
            Html("</header>"),
            _answer(study),
            _points(study),
            _key(study),
            contents(),
        ]
    )


def _subject(study: Study) -> str:
    settings, data, summary = study.settings, study["data"], study["summary"]
    where = settings["data"]["where"]
    rows = "" if not where else f" ({listed([f'{column} = {value}' for column, value in where])})"
    if "pairs_of" in data:
        rows += f", pairs of {listed([f'`{column}`' for column in data['pairs_of']])}"
    sizes = [
        counted(data["classes"], "class", "classes") if "classes" in data else "a number to learn",
        counted(data["splits"]["train"]["sentences"], "sentence") + " to train on",
        counted(len(settings["lora"]["ranks"]), "rank"),
        counted(len(summary["seeds"]), "seed"),
        counted(summary["test_sentences"], "test sentence"),
    ]
    return f"`{settings['model']['name']}` on `{settings['data']['name']}`{rows}: {listed(sizes)}."


def _answer(study: Study) -> Html:
    rows = [*zip(QUESTIONS, answer(study["summary"], study["sufficient_rank"]), strict=True)]
    where = placed.placed(study.placement, study["summary"], study["rank_curve"])
    rows += [(placed.QUESTION, where[0])] if where else []
    warned = [paragraph(line, "warning") for line in warnings(study["undertraining"])]
    items = "\n".join(
        f'<li><span class="asked">{text(asked)}</span> {text(sentence)}</li>'
        for asked, sentence in rows
    )
    told = Html(f'<ol class="answer" aria-label="The answer">\n{items}\n</ol>')
    more = settling.more(study["sufficient_rank"])
    rest = folded(settling.QUESTION, *map(paragraph, more)) if more else None
    places = folded(placed.NUMBERS, *map(paragraph, where[1:])) if where[1:] else None
    return joined([*warned, told, rest, places])


def _points(study: Study) -> Html | None:
    """Say what arms are compared by, and what a point is, where it is not accuracy."""
    measure = measure_in(study["summary"])
    if measure.name == ACCURACY:
        return None
    words = f"Arms are compared by {measure.words}, from the pick of an epoch on."
    return paragraph(f"{words} {points_words(measure)}".strip(), "note")


def _key(study: Study) -> Html | None:
    """Return the few numbers that are looked for first."""
    rank = recommended(study["sufficient_rank"])
    if rank is None:
        return None
    entry = entries(study["summary"])[LORA, rank]
    written = digits(measure_in(study["summary"]))
    low, high = (100 * entry[f"gap_to_full_{end}"] for end in ("low", "high"))
    return facts(
        [
            ("recommended rank", str(rank)),
            (
                f"points to full fine-tuning ({signed(low, written)} to {signed(high, written)})",
                signed(100 * entry["gap_to_full"], written),
            ),
            ("of the parameters are trained", part(entry["trainable_share"])),
        ],
        "key",
    )
