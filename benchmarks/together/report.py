"""What many runs in one pass cost, as a table and as a picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from benchmarks.rows import BASELINES
from study.pages.figures import style
from study.pages.figures.text import below

GOAL_RUNS, GOAL_RATIO = 32, 2.0
_GIB = 1024**3
_STEP = style.Look(style.BLUE, "o", style.SOLID)
_PEAK = style.Look(style.GREEN, "^", style.SOLID)
_COPY = style.Look(style.VERMILLION, "s", style.DASHED)


def table(found: Mapping[str, Any]) -> str:
    """Return all there is to see at a glance."""
    peaks, machine = found["peak"], found["machine"]
    lines = [
        "",
        f"{machine['device']}, torch {machine['versions']['torch']}; measured peaks: bf16 products "
        f"{peaks['bf16_gflops'] / 1e3:.4g} TFLOP/s, copies "
        f"{peaks['copy_gigabytes_per_second']:.4g} GB/s (read and written)",
        "",
        f"{'runs':>5}{'ms a step':>12}{'of one':>9}{'ms a run':>11}{'tokens/s':>13}"
        f"{'of bf16':>9}{'of copy':>9}{'GPU GiB':>9}{'waits':>7}",
    ]
    for row in found["together"]:
        seconds, memory, waits = row["seconds"], row["peak_memory_bytes"], row["host_waits"]
        lines.append(
            f"{row['runs']:>5}{1e3 * seconds:>12.2f}{row['ratio_to_one']:>8.2f}×"
            f"{1e3 * seconds / row['runs']:>11.3f}{row['real_tokens_per_second']:>13,.0f}"
            f"{100 * row['bf16_peak_share']:>7.1f} %{100 * row['copy_share']:>7.1f} %"
            f"{'-' if memory is None else f'{memory / _GIB:.2f}':>9}"
            f"{'-' if waits is None else len(waits):>7}"
        )
    lines += [
        "Tokens are real ones; of copy: bytes that operations read and write, caches left out; "
        "waits: of the host for the GPU, in one step.",
    ]
    if found["does_not_fit"] is not None:
        lines.append(
            f"stopped: {found['does_not_fit']} runs together do not fit in this device's memory"
        )
    waits = Counter(found["together"][-1]["host_waits"] or ())
    lines += [f"the host waits at {place}, {count} a step" for place, count in waits.most_common()]
    lines += _goal(found)
    if found["study"] is not None:
        row = found["study"]
        groups = "+".join(map(str, row["lora_groups"]))
        seconds = row["seconds"]
        lines += [
            "",
            f"the study's list of runs, LoRA's as {groups} together: {seconds['ours']:,.0f} s; "
            f"Trainer + PEFT {seconds['default']:,.0f} s ({row['ratio_to_default']:.1f}×), tuned "
            f"{seconds['tuned']:,.0f} s ({row['ratio_to_tuned']:.1f}×); scaled from sampled steps",
        ]
        stages = found["side_by_side"]["rows"]["study"]
        ratios = " and ".join(f"{stages[f'ratio_to_{name}']:.1f}×" for name in BASELINES)
        lines.append(f"the same in the groups that the stages make, a rank a process: {ratios}")
    return "\n".join(lines)


def _goal(found: Mapping[str, Any]) -> list[str]:
    for row in found["together"]:
        if row["runs"] == GOAL_RUNS:
            return [
                f"{GOAL_RUNS} runs in {row['ratio_to_one']:.2f} times the time of one "
                f"(goal: {GOAL_RATIO:g})"
            ]
    return []


def draw(found: Mapping[str, Any]) -> Figure:
    """Draw a result file: a step's time against the number of runs, and shares of the peaks."""
    rows = found["together"]
    figure = Figure(figsize=(style.WIDTH, 4.0), layout="constrained")
    figure.suptitle("Training runs together", x=0.01, ha="left")
    left, right = figure.subplots(1, 2)
    left.set_title(found["machine"]["device"], loc="left", color=style.GREY)
    _time(left, rows)
    _shares(right, left, rows)
    for axes in (left, right):
        _runs_axis(axes, [row["runs"] for row in rows])
    below(figure, left)
    return figure


def _time(axes: Axes, rows: list[dict[str, Any]]) -> None:
    one = rows[0]["seconds"]
    runs = [row["runs"] for row in rows]
    axes.plot(runs, runs, color=style.GREY, linestyle=style.DOTTED, label="one run after the other")
    for row in rows:
        low, high = min(row["rounds"]) / one, max(row["rounds"]) / one
        axes.errorbar(
            row["runs"],
            row["ratio_to_one"],
            yerr=[[row["ratio_to_one"] - low], [high - row["ratio_to_one"]]],
            color=_STEP.color,
            marker=_STEP.marker,
            capsize=2,
            label="together, median and range" if row is rows[0] else None,
        )
    axes.plot(runs, [row["ratio_to_one"] for row in rows], color=_STEP.color, linewidth=1)
    if GOAL_RUNS in runs:
        axes.plot(
            GOAL_RUNS,
            GOAL_RATIO,
            marker="_",
            markersize=14,
            markeredgewidth=2,
            linestyle="none",
            color=style.VERMILLION,
            label=f"goal: {GOAL_RUNS} runs in {GOAL_RATIO:g} times",
        )
    axes.set_yscale("log", base=2)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_ylabel("Time of a step, of one run's (log scale)")


def _shares(axes: Axes, named: Axes, rows: list[dict[str, Any]]) -> None:
    """Draw the shares, and name them in the legend of other axes, so that there is one legend."""
    runs = [row["runs"] for row in rows]
    for key, look, label in (
        ("bf16_peak_share", _PEAK, "share of the bf16 peak"),
        ("copy_share", _COPY, "share of the copy bandwidth"),
    ):
        kind: dict[str, Any] = {
            "color": look.color,
            "marker": look.marker,
            "linestyle": look.dashes,
        }
        axes.plot(runs, [100 * row[key] for row in rows], **kind)
        named.plot([], [], label=label, **kind)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("Share of what was measured (%)")


def _runs_axis(axes: Axes, runs: list[int]) -> None:
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(runs))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("Runs together (log scale)")
