"""How the figures look: the one place with colours, sizes and fonts.

Colours are Okabe and Ito's, told apart by colour-blind eyes (Okabe & Ito 2008, "Color Universal
Design"); ranks are a ramp of viridis without its pale end. No meaning hangs on colour alone: each
line has its own marker or dashes too, so that print in black and white keeps it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

WIDTH = 7.0  # inches: a page's text width, so that points are points in print
DPI = 160
SMALL = 9  # points: the smallest text

BLACK = "#000000"
GREY = "#595959"
BLUE = "#0072B2"
ORANGE = "#E69F00"
GREEN = "#009E73"
VERMILLION = "#D55E00"
PURPLE = "#CC79A7"


Dashes: TypeAlias = str | tuple[float, tuple[float, ...]]
SOLID: Dashes = "-"
DASHED: Dashes = (0, (5, 2))
DOTTED: Dashes = (0, (1, 1.2))
DASH_DOTTED: Dashes = (0, (4, 1.2, 1, 1.2))


@dataclass(frozen=True)
class Look:
    """How one series is drawn."""

    color: str
    marker: str
    dashes: Dashes


ARMS = {
    "head_only": Look(GREY, "^", DOTTED),
    "linear_probe": Look(PURPLE, "v", DASH_DOTTED),
    "lora": Look(BLUE, "o", SOLID),
    "full": Look(VERMILLION, "s", DASHED),
}
HEADLINE = Look(ORANGE, "D", SOLID)  # the rank named in the settings beforehand
RECOMMENDED = Look(GREEN, "*", SOLID)  # the rank that validation picks

# Grounds of cells, pale, so that signs on them can be read.
VERDICTS = {"equivalent": "#bfe3d6", "worse": "#f3cbb4", "better": "#b8d8ec", "untold": "#ececec"}

_RANK_DASHES = (SOLID, DASHED, DOTTED, DASH_DOTTED)
_RANK_MARKERS = "osD^vP"

_SETTINGS = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same on every machine
    "font.size": SMALL,
    "axes.labelsize": SMALL,
    "axes.titlesize": SMALL,
    "figure.titlesize": 11,
    "figure.titleweight": "bold",
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.5,
    "lines.markersize": 5,
    "savefig.dpi": DPI,
    "svg.fonttype": "path",
    "svg.hashsalt": "lora-rank-study",  # else identifiers in an SVG are random
}


@contextmanager
def styled() -> Iterator[None]:
    """Draw and save in this style, whatever the user's matplotlib settings are."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield


def settle(figure: Figure) -> None:
    """Lay the figure out now, and keep it so.

    The layout's solver leaves another last digit each time, which would show in an SVG's
    identifiers: places are rounded, far below what can be seen.
    """
    engine = figure.get_layout_engine()
    if engine is None:
        return  # settled before
    engine.execute(figure)
    figure.set_layout_engine(None)  # with "none" every save would draw twice
    for axes in figure.axes:
        axes.set_position(Bbox(axes.get_position().get_points().round(6)))


def save(figure: Figure, stem: str | Path) -> None:
    """Write `stem`.png and `stem`.svg: the same bytes for the same figure on one machine."""
    settle(figure)
    Path(stem).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(f"{stem}.png", metadata={"Software": None})
    figure.savefig(f"{stem}.svg", metadata={"Date": None, "Creator": None})


def rank_looks(ranks: Sequence[int]) -> dict[int, Look]:
    """Return a look for each rank: dark to light with the rank, neighbours in other dashes."""
    ramp = matplotlib.colormaps["viridis"](np.linspace(0.0, 0.82, len(ranks)))
    colors = [matplotlib.colors.to_hex(color) for color in ramp]
    return {
        rank: Look(color, _RANK_MARKERS[place % 6], _RANK_DASHES[place % 4])
        for place, (rank, color) in enumerate(zip(sorted(ranks), colors, strict=True))
    }
