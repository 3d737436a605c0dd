"""Which rank is enough: differences to full fine-tuning, verdicts, and how often each is chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from study.analyses.sufficiency.verdicts import BETTER, EQUIVALENT, NONE, UNTOLD, WORSE
from study.pages.figures import style
from study.pages.figures.cells import cell, lines, share_cell
from study.pages.figures.differences import RECOMMENDED_SIZE, draw_differences
from study.words.phrases import capitalised, counted, listed, rough, spelled
from study.words.phrases import margin as margin_words
from study.words.scores import measure_in

Record = Mapping[str, Any]

_SIGNS = {
    EQUIVALENT: ("=", style.VERDICTS["equivalent"]),
    WORSE: ("<", style.VERDICTS["worse"]),
    BETTER: (">", style.VERDICTS["better"]),
    UNTOLD: ("?", style.VERDICTS["untold"]),
}


def draw(record: Record) -> Figure:
    """Draw `metrics/sufficient_rank.json`: three panels, a column for each rank."""
    ranks = [row["rank"] for row in record["differences"]]
    heights = (2.3, 0.36 * len(record["equivalence"]), 0.25 * len(record["choice"]))
    figure = Figure(figsize=(style.WIDTH, sum(heights) + 2.35), layout="constrained")
    figure.suptitle("Which rank is enough?", x=0.01, ha="left")
    top, middle, bottom = figure.subplots(3, 1, gridspec_kw={"height_ratios": heights})
    draw_differences(top, record)
    _verdicts(middle, record["equivalence"], with_seeds=record["seeds"] > 1)
    _choices(bottom, record["choice"], ranks)
    for axes in (top, middle, bottom):
        axes.set_xlim(-0.5, len(ranks) + 0.5)
        axes.set_xticks(range(len(ranks)), [str(rank) for rank in ranks])
    bottom.set_xticks(range(len(ranks) + 1), [*(str(rank) for rank in ranks), "none"])
    bottom.set_xlabel("LoRA rank")
    figure.legend(handles=_legend(), loc="outside lower center", ncols=2)
    return figure


def _verdicts(axes: Axes, entries: Sequence[Record], with_seeds: bool) -> None:
    """Draw the verdict of every rank at every margin, with the seeds that it would take."""
    words = "Equivalent to full fine-tuning?"
    for line, entry in enumerate(entries):
        for place, row in enumerate(entry["ranks"]):
            sign, color = _SIGNS[row["verdict"]]
            if with_seeds and row["verdict"] == UNTOLD:
                sign += f"\n{_seeds(row['seeds_needed'])}"
            cell(axes, place, line, color, sign)
    if with_seeds:
        words += "\nBelow “?”: how many seeds would settle it for an equal rank (–: none)"
    axes.set_title(words, loc="left", color=style.GREY)
    lines(axes, [f"within {margin_words(entry['margin'])}" for entry in entries])


def _seeds(needed: int | None) -> str:
    if needed is None:
        return "–"
    needed = rough(needed)  # as the table has it: more figures are not to be had from few seeds
    return str(needed) if needed < 10_000 else f"{needed / 1000:.0f}k"


def _choices(axes: Axes, choice: Mapping[str, Mapping[str, float]], ranks: Sequence[int]) -> None:
    """Draw in which share of resamples each rule chooses each rank."""
    columns = [*(str(rank) for rank in ranks), "none"]
    for line, shares in enumerate(choice.values()):
        for place, column in enumerate(columns):
            share_cell(axes, place, line, shares.get(column, 0.0))
    axes.set_title("Chosen in how many resamples (%)", loc="left", color=style.GREY)
    lines(axes, [_rule_words(rule) for rule in choice])


def _rule_words(rule: str) -> str:
    short = rule.replace("one standard error on", "one standard error,")
    return short.replace("equivalent within", "equivalent,")


def _legend() -> list[Any]:
    lora, recommended = style.ARMS["lora"], style.RECOMMENDED

    def line(label: str, **look: Any) -> Line2D:
        return Line2D([], [], label=label, **look)

    marks = [
        line("interval of each rank alone", color=lora.color, linewidth=3.5),
        line("corrected for all ranks together", color=lora.color, linewidth=1),
        line(
            "recommended, by validation",
            color=recommended.color,
            marker=recommended.marker,
            markeredgecolor="black",
            markersize=RECOMMENDED_SIZE,
            linestyle="none",
        ),
        line("margins of equivalence", color=style.GREY, linewidth=0.8, linestyle=style.DOTTED),
    ]
    signs = [
        Rectangle((0, 0), 1, 1, facecolor=color, label=f"{sign}  {verdict}")
        for verdict, (sign, color) in _SIGNS.items()
    ]
    return [*marks, *signs]


def caption(record: Record) -> str:
    """Say what there is to see."""
    recommended = record["recommended"]["rank"]
    if recommended is None:
        first = "No rank is recommended, as none trained well enough"
    elif len(record["differences"]) == 1:
        first = f"Rank {recommended} is the only one of the sweep"
    else:
        share = record["choice"]["one standard error on validation"][str(recommended)]
        first = (
            f"Rank {recommended} is recommended: it is the smallest that comes within the noise "
            f"(one standard error) of the best on validation. In {100 * share:.0f} % of resamples "
            f"of the data it would be picked again"
        )
    rows = [row for entry in record["equivalence"] for row in entry["ranks"]]
    untold = sum(row["verdict"] == UNTOLD for row in rows)
    with_these = counted(record["seeds"], "seed")
    return (
        f"{first}. {_smallest(record)}{_worse(record)}. {capitalised(with_these)} and "
        f"{counted(record['sentences'], 'test sentence')} leave {untold} of {len(rows)} questions "
        f"open.{_thin_lines(record['differences'])}"
    )


def _thin_lines(rows: Sequence[Record]) -> str:
    if len(rows) == 1 or any(row["low_together"] is None for row in rows):
        return ""
    all_of = "both" if len(rows) == 2 else f"all {spelled(len(rows))}"
    return f" The thin lines are wide enough to hold for {all_of} ranks together."


def _smallest(record: Record) -> str:
    entries = sorted(record["equivalence"], key=lambda entry: float(entry["margin"]))
    for entry in entries:
        if entry["rank"] is not None:
            within = margin_words(entry["margin"])
            return f"Rank {entry['rank']} is within {within} of full fine-tuning"
    within = margin_words(entries[-1]["margin"])
    return f"We cannot say of any rank that it is within {within} of full fine-tuning"


def _worse(record: Record) -> str:
    entries = sorted(record["equivalence"], key=lambda entry: -float(entry["margin"]))
    for entry in entries:
        ranks = [row["rank"] for row in entry["ranks"] if row["verdict"] == WORSE]
        if ranks:
            which = f"rank{'' if len(ranks) == 1 else 's'} {listed(ranks)}"
            verb = "is" if len(ranks) == 1 else "are"
            return f"; {which} {verb} more than {margin_words(entry['margin'])} below it"
    return ""


def alternative(record: Record) -> str:
    """Tell what is drawn to someone who cannot see it."""
    differences = [
        f"{row['difference']:+.1f} points at rank {row['rank']}" for row in record["differences"]
    ]
    verdicts = [
        f"within {margin_words(entry['margin'])}: " + listed(_by_verdict(entry["ranks"]))
        for entry in record["equivalence"]
    ]
    chosen = [f"{rule}: {_most_chosen(shares)}" for rule, shares in record["choice"].items()]
    return (
        f"Difference of LoRA to full fine-tuning in test {measure_in(record).words}: "
        f"{listed(differences)}. Verdicts on equivalence, {'; '.join(verdicts)}. Most often chosen "
        f"in resamples, {'; '.join(chosen)}."
    )


def _by_verdict(rows: Sequence[Record]) -> list[str]:
    ranks: dict[str, list[int]] = {}
    for row in rows:
        ranks.setdefault(row["verdict"], []).append(row["rank"])
    return [
        f"rank{'' if len(of_verdict) == 1 else 's'} {listed(of_verdict)} "
        f"{'undecided' if verdict == UNTOLD else verdict}"
        for verdict, of_verdict in ranks.items()
    ]


def _most_chosen(shares: Mapping[str, float]) -> str:
    name, share = max(shares.items(), key=lambda pair: pair[1])
    return f"{'none' if name == NONE else f'rank {name}'} ({100 * share:.0f} %)"
