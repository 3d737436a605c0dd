"""The result as a picture: how many times faster, and where our step's time goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from study.pages.figures import style
from study.pages.figures.text import below

_ROWS = {
    "lora_step": "LoRA step, one run",
    "lora_step_together": "LoRA step, all seeds at once",
    "full_step": "Full fine-tuning step",
    "head_only": "Head only, all runs",
    "study_without_head_only": "Study without head only",
    "study": "The study's list of runs",
    "causal_step": "Language model, LoRA step",
    "causal_step_apart": "  pairs with nothing in common",
    "causal_step_system": "  pairs behind 200 tokens",
}
_CAUSAL = [name for name in _ROWS if name.startswith("causal")]  # where its pairs are there
_LOOKS = {
    "default": ("Trainer + PEFT as documented", style.Look(style.VERMILLION, "s", style.SOLID)),
    "tuned": ("the same, tuned", style.Look(style.BLUE, "o", style.SOLID)),
}
_WIDE = 500  # the largest ratio over the smallest: from here on only powers of ten are labelled
_LEAST = 0.02  # of the step: smaller kinds are drawn as one


def draw(found: Mapping[str, Any]) -> Figure:
    """Draw a result file: ratios with the range over rounds above, the profile below."""
    more = sum(name in _CAUSAL for name in found["rows"])
    figure = Figure(figsize=(style.WIDTH, 6.6 + 0.5 * more), layout="constrained")
    figure.suptitle("This trainer against Hugging Face's", x=0.01, ha="left")
    upper, lower = figure.subplots(2, 1, gridspec_kw={"height_ratios": (7 + more, 5)})
    _ratios(upper, found["rows"])
    machine = found["machine"]
    upper.set_title(
        f"{machine['device']}, {machine['threads']} threads; medians, bars over all rounds",
        loc="left",
        color=style.GREY,
    )
    _profile(lower, found["profile"]["ms_per_step"])
    lower.set_title("One LoRA step of ours, by kind of operation", loc="left", color=style.GREY)
    below(figure, upper)
    return figure


def _ratios(axes: Axes, rows: Mapping[str, Any]) -> None:
    there = {name: label for name, label in _ROWS.items() if name in rows}
    highest = 1.0
    lowest = 1.0
    for offset, (kind, (label, look)) in zip((-0.21, 0.21), _LOOKS.items(), strict=True):
        for place, name in enumerate(there):
            ratio = rows[name][f"ratio_to_{kind}"]
            low, high = rows[name][f"ratio_to_{kind}_range"]
            axes.errorbar(
                ratio,
                place + offset,
                xerr=[[ratio - low], [high - ratio]],
                color=look.color,
                marker=look.marker,
                capsize=2,
                linestyle="none",
                label=label if place == 0 else None,
            )
            axes.annotate(
                f"{ratio:.1f}×",
                (high, place + offset),
                xytext=(6, 0),
                textcoords="offset points",
                color=look.color,
                va="center",
            )
            highest, lowest = max(highest, high), min(lowest, low)
    axes.axvline(1, color=style.GREY, linewidth=0.8)
    axes.set_xscale("log")
    axes.set_xlim(lowest / 1.3, highest * 2.2)
    wide = highest / lowest > _WIDE
    axes.xaxis.set_major_locator(LogLocator(10, subs=(1,) if wide else (1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_yticks(range(len(there)), list(there.values()))
    axes.set_ylim(len(there) - 0.5, -0.5)
    axes.grid(axis="x")
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("Times faster (log scale)")


def _profile(axes: Axes, ms_per_step: Mapping[str, float]) -> None:
    total = sum(ms_per_step.values())
    large = {name: ms for name, ms in ms_per_step.items() if ms >= _LEAST * total}
    rest = total - sum(large.values())
    if rest > 0:
        large["all smaller kinds"] = rest
    places = range(len(large))
    axes.barh(places, list(large.values()), color=style.GREEN, height=0.65)
    for place, ms in zip(places, large.values(), strict=True):
        axes.annotate(
            f"{ms:.1f} ms, {100 * ms / total:.0f} %",
            (ms, place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
        )
    axes.set_yticks(places, list(large))
    axes.set_ylim(len(large) - 0.5, -0.5)
    axes.set_xlim(0, 1.3 * max(large.values()))
    axes.grid(axis="x")
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("Milliseconds a step, under the profiler")
