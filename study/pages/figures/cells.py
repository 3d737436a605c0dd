"""A table drawn on axes: a coloured cell with a word for each column and line."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from study.pages.figures import style

_DARK = 0.7  # from this share of blue on, white is read better than black


def cell(axes: Axes, column: int, line: int, color: str, text: str, ink: str = style.BLACK) -> None:
    """Draw a cell around (column, line)."""
    corner = (column - 0.47, line - 0.46)
    axes.add_patch(Rectangle(corner, 0.94, 0.92, facecolor=color, linewidth=0))
    axes.text(column, line, text, ha="center", va="center", color=ink, linespacing=1.0)


def share_cell(axes: Axes, column: int, line: int, share: float) -> None:
    """Draw a share as whole percent, the bluer the larger; nothing for 0."""
    ends = [(255, int(style.BLUE[place : place + 2], 16)) for place in (1, 3, 5)]
    color = "#" + "".join(f"{round(white + (blue - white) * share):02x}" for white, blue in ends)
    text = f"{100 * share:.0f}"
    text = "<1" if text == "0" else text
    ink = "#ffffff" if share > _DARK else style.BLACK
    cell(axes, column, line, color, text if share else "", ink)


def lines(axes: Axes, names: Sequence[str]) -> None:
    """Name the lines, first on top, and leave nothing of the axes but the cells."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(length=0)
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
