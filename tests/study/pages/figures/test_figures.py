"""The figures read well for any study: nothing overlaps, is cut off, or hangs on colour alone."""

from __future__ import annotations

import dataclasses
import functools
import re
from itertools import combinations, pairwise

import matplotlib
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from study.analyses.results.curves import dynamics, pareto, rank_curve
from study.analyses.results.summary import summarise
from study.analyses.results.sweep import Results
from study.pages.figures import dynamics as dynamics_figure
from study.pages.figures import pareto as pareto_figure
from study.pages.figures import rank_curve as rank_figure
from study.pages.figures import style, theory_bound, theory_scalings
from study.pages.figures.axes import panels, rank_axis
from study.pages.figures.text import percent, short_count, spread
from study.pages.figures.theory_rows import bound_rows, scaling_rows
from study.settings.statistics import StatisticsSettings
from tests.study.fake_records import fake_arm, fake_probe
from tests.study.fake_theory import toy_theory

STATISTICS = StatisticsSettings(
    0.95, 200, seed=0, margins=(1.0,), power=0.8, looks=None, budget=6, metric="auto"
)
TWELVE = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
STUDIES = {
    "default": {"ranks": (1, 2, 4, 8, 16, 32), "rank": 8, "seeds": (0, 1, 2)},
    "one": {"ranks": (4,), "rank": 4, "seeds": (0,), "num_classes": 20},
    "twelve": {"ranks": TWELVE, "rank": 20, "seeds": (0, 1, 2, 3, 4)},
}


@functools.cache
def study(name: str) -> Results:
    chosen = dict(STUDIES[name])
    ranks, rank = chosen.pop("ranks"), chosen.pop("rank")

    def arm(kind: str, of_rank: int | None = None):
        return fake_arm(kind, of_rank, num_sentences=500, **chosen)

    return Results(
        arm("head_only"), arm("full"), {r: arm("lora", r) for r in ranks}, arm("lora", rank)
    )


def summary_of(results: Results):
    return summarise(results, STATISTICS, fake_probe(results.head_only))


def drawn(results: Results, which: str) -> Figure:
    summary = summary_of(results)
    if which == "rank_curve":
        return rank_figure.draw(rank_curve(results, summary), summary)
    if which == "pareto":
        return pareto_figure.draw(pareto(summary), summary)
    return dynamics_figure.draw(dynamics(results), summary)


def drawn_theory(which: str) -> Figure:
    bound, learned = toy_theory()
    if which == "bound":
        return theory_bound.draw(bound_rows(bound, learned))
    return theory_scalings.draw(scaling_rows(learned))


@pytest.fixture(autouse=True)
def in_style():
    with style.styled():
        yield


def drawn_texts(figure: Figure) -> list[tuple[str, float, Bbox]]:
    """Return every text that is drawn (not all that matplotlib holds): words, size and place."""
    style.settle(figure)
    seen: list[Text] = []
    with pytest.MonkeyPatch.context() as patch:
        draw = Text.draw
        patch.setattr(Text, "draw", lambda text, *a, **k: (seen.append(text), draw(text, *a, **k)))
        figure.draw_without_rendering()  # asks the same texts to draw themselves, and paints none
    return [
        (text.get_text(), text.get_fontsize(), Text.get_window_extent(text))
        for text in dict.fromkeys(seen)
        if text.get_visible() and text.get_text().strip()
    ]


def check_texts(figure: Figure) -> None:
    texts = drawn_texts(figure)
    whole = figure.bbox.padded(1)
    for words, size, box in texts:
        assert size >= style.SMALL, words
        assert whole.x0 <= box.x0 <= box.x1 <= whole.x1, f"{words!r} is cut off"
        assert whole.y0 <= box.y0 <= box.y1 <= whole.y1, f"{words!r} is cut off"
    for (one, _, first), (other, _, second) in combinations(texts, 2):
        assert overlap(first, second) < 1, f"{one!r} and {other!r} overlap"


def overlap(first: Bbox, second: Bbox) -> float:
    both = Bbox.intersection(first, second)
    return 0.0 if both is None else both.width * both.height


@pytest.mark.parametrize("which", ["rank_curve", "pareto", "dynamics"])
@pytest.mark.parametrize("name", STUDIES)
def test_texts_are_large_enough_whole_and_apart(name, which):
    check_texts(drawn(study(name), which))


@pytest.mark.parametrize("which", ["bound", "scalings"])
def test_texts_of_the_theory_figures_are_large_enough_whole_and_apart(which):
    check_texts(drawn_theory(which))


@pytest.mark.parametrize("name", STUDIES)
def test_every_arm_is_named_beside_its_point_and_no_name_covers_an_interval(name):
    results = study(name)
    figure = drawn(results, "pareto")
    rows = pareto(summary_of(results))
    boxes = {words: box for words, _, box in drawn_texts(figure)}
    for row in rows:
        own = boxes[str(row["rank"] or row["label"])]
        axes = [a for a in figure.axes if a.get_ylim()[0] < row["test_accuracy"] < a.get_ylim()[1]]
        x = row["trainable_parameters"]
        interval = Bbox(axes[0].transData.transform([(x, row["low"]), (x, row["high"])])).padded(1)
        assert not any(interval.overlaps(box) for box in boxes.values())
        away = max(own.x0 - interval.x1, interval.x0 - own.x1, own.y0 - interval.y1, 0)
        assert max(away, interval.y0 - own.y1) < 30  # pixels at 100 dpi


@pytest.mark.parametrize("name", ["one", "twelve"])
def test_accuracies_are_in_percent_and_the_headline_is_told(name):
    results = study(name)
    texts = [words for words, _, _ in drawn_texts(drawn(results, "rank_curve"))]
    assert "Test accuracy (%)" in texts
    headline = summary_of(results)["headline"]
    said = f"rank {headline['rank']}, {percent(headline['test_accuracy'])}"
    assert any(said in words for words in texts)
    assert str(headline["rank"]) in texts  # its tick


def test_every_rank_has_a_tick_and_labels_do_not_run_into_each_other():
    for ranks in [(8,), (1, 2, 4), TWELVE, tuple(range(1, 13)), (1, 1000, 1001, 4096)]:
        axes = Figure(figsize=(4, 2)).subplots()
        rank_axis(axes, ranks, width=220, keep=[ranks[-1]])
        ticks = [*axes.xaxis.get_majorticklocs(), *axes.xaxis.get_minorticklocs()]
        assert sorted(ticks) == sorted(ranks)
        assert ranks[-1] in axes.xaxis.get_majorticklocs()
        axes.figure.draw_without_rendering()
        boxes = [label.get_window_extent() for label in axes.get_xticklabels()]
        assert all(left.x1 < right.x0 for left, right in pairwise(boxes))


@pytest.mark.parametrize(
    ("spans", "parts"),
    [
        ([(0.64, 0.66), (0.80, 0.82), (0.81, 0.83)], 2),
        ([(0.78, 0.80), (0.80, 0.82), (0.81, 0.83)], 1),
        ([(0.5, 0.5)], 1),
        ([(1.0, 1.0), (1.0, 1.0)], 1),
    ],
)
def test_an_axis_is_broken_only_where_most_of_it_would_be_empty(spans, parts):
    figure = Figure(figsize=(6, 4), layout="constrained")
    all_axes = panels(figure, spans, "Accuracy (%)")
    assert len(all_axes) == parts
    for low, high in spans:
        assert any(a.get_ylim()[0] <= low <= high <= a.get_ylim()[1] for a in all_axes)
    style.settle(figure)
    scales = [
        axes.get_position().height / (axes.get_ylim()[1] - axes.get_ylim()[0]) for axes in all_axes
    ]
    assert max(scales) == pytest.approx(min(scales), rel=0.02)  # both parts to one scale


def test_looks_differ_in_marker_or_dashes_not_in_colour_alone():
    ranks = list(style.rank_looks(TWELVE).values())
    for looks in (ranks, list(style.ARMS.values())):
        assert len({(look.marker, look.dashes) for look in looks}) == len(looks)


def test_ranks_grow_lighter_so_that_grey_print_keeps_their_order():
    def luminance(color: str) -> float:
        red, green, blue = to_rgb(color)
        return 0.299 * red + 0.587 * green + 0.114 * blue

    grey = [luminance(look.color) for look in style.rank_looks(TWELVE).values()]
    assert grey == sorted(grey)
    assert grey[-1] - grey[0] > 0.3


@pytest.mark.parametrize("which", ["rank_curve", "pareto", "dynamics", "scalings"])
def test_pictures_are_the_same_bytes_each_time_and_for_any_user(which, tmp_path):
    def save(name: str) -> list[bytes]:
        figure = drawn_theory(which) if which == "scalings" else drawn(study("default"), which)
        style.save(figure, tmp_path / name)
        return [(tmp_path / f"{name}.{kind}").read_bytes() for kind in ("png", "svg")]

    once = save("once")
    with matplotlib.rc_context({"font.size": 20, "axes.grid": False, "svg.hashsalt": None}):
        with style.styled():
            assert save("again") == once
        assert matplotlib.rcParams["font.size"] == 20  # left as it was
    assert not any(b"Matplotlib v" in content for content in once)


def test_pngs_are_as_wide_as_a_page_and_fine_enough_for_print(tmp_path):
    style.save(drawn(study("one"), "rank_curve"), tmp_path / "figure")
    width = int.from_bytes((tmp_path / "figure.png").read_bytes()[16:20])
    assert width == round(style.WIDTH * style.DPI)


def test_arms_that_are_alike_are_still_named_apart():
    """Where bands lie on each other, their names do not."""
    results = study("default")
    full = dataclasses.replace(results.lora[1], arm="full", rank=None)
    same = {rank: dataclasses.replace(results.lora[1], rank=rank) for rank in results.lora}
    alike = dataclasses.replace(results, full=full, lora=same, headline=same[8])
    check_texts(drawn(alike, "rank_curve"))


def test_perfect_arms_can_be_drawn():
    def perfect(record):
        runs = tuple(
            dataclasses.replace(run, test_predictions=record.test_labels, test_score=1.0)
            for run in record.runs
        )
        return dataclasses.replace(record, runs=runs)

    results = study("default")
    lora = {rank: perfect(record) for rank, record in results.lora.items()}
    perfected = Results(perfect(results.head_only), perfect(results.full), lora, lora[8])
    for which in ("rank_curve", "pareto"):
        figure = drawn(perfected, which)
        check_texts(figure)
        words = [words for words, _, _ in drawn_texts(figure)]
        assert not any(re.fullmatch(r"100\.\d+", word) for word in words)  # no tick above 100 %


@given(
    values=st.lists(st.floats(0, 1), min_size=1, max_size=6),
    apart=st.floats(0.01, 0.15),
)
def test_spread_labels_are_apart_in_order_and_within(values, apart):
    places = spread(values, apart, 0.0, 1.0)
    order = sorted(range(len(values)), key=lambda index: values[index])
    for lower, upper in pairwise(order):
        assert places[upper] - places[lower] >= apart * (1 - 1e-9)
    assert min(places) >= -1e-9
    assert max(places) <= 1 + 1e-9


@given(st.lists(st.integers(0, 20), min_size=1, max_size=6, unique=True))
def test_labels_that_are_apart_already_stay(values):
    assert spread(values, 1, 0, 20) == pytest.approx(values)


@pytest.mark.parametrize(
    ("count", "words"), [(770, "770"), (1e4, "10 k"), (2.5e6, "2.5 M"), (7e9, "7 G"), (0, "0")]
)
def test_counts_are_short(count, words):
    assert short_count(count) == words


def test_a_figure_is_drawn_once_for_each_file_and_not_for_its_layout(tmp_path, monkeypatch):
    figure = Figure(figsize=(3, 2), layout="constrained")
    figure.subplots().plot([1, 2], [3, 5])
    drawn = []
    draw = Figure.draw
    monkeypatch.setattr(Figure, "draw", lambda self, *a: (drawn.append(1), draw(self, *a)))
    style.settle(figure)
    style.save(figure, tmp_path / "figure")
    assert len(drawn) == 2
