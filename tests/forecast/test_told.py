"""The words of a forecast."""

from __future__ import annotations

from typing import Any

import pytest

from forecast import told
from forecast.clock import NOTHING, Span
from forecast.estimate import Cost
from forecast.fit import Fit
from forecast.pipeline import Run
from forecast.whole_study import Forecast
from tests.forecast.cases import span

GIB = 1024**3


def found(**changes: Any) -> Forecast:
    costs = {
        "check": Cost(span(5), NOTHING, 10, 0),
        "full": Cost(span(600), span(595), int(2.4 * GIB), 300),
        "full_block@1": Cost(span(300), span(295), GIB, 100),
        "plot": Cost(span(20), NOTHING, 10, 0),
    }
    runs = dict(zip(costs, (Run.YES, Run.YES, Run.MAYBE, Run.NO), strict=True))
    values: dict[str, Any] = {"block": span(120), "rank": (64, span(240)), "full": span(900)}
    rest = {"runs": runs, "found": (), "checkpoint_bytes": 50 * 1024**2}
    return Forecast(costs=costs, **(values | rest | changes))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        *((0.2, "1 second"), (59, "59 seconds"), (60, "1 minute"), (419, "7 minutes")),
        *((99 * 60, "99 minutes"), (100 * 60, "1 h 40 min"), (9000, "2 h 30 min")),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert told.duration(seconds) == words


@pytest.mark.parametrize(
    ("number", "words"), [(1.4 * GIB, "1.4 GiB"), (GIB / 2, "512 MiB"), (0, "0 MiB")]
)
def test_sizes(number: float, words: str) -> None:
    assert told.size(number) == words


def test_the_last_line_is_of_what_will_run() -> None:
    assert told.last_line(found()) == "about 10 minutes, 2.4 GiB (0 MiB of disk)"


def test_where_nothing_runs_that_is_said() -> None:
    done = found(runs=dict.fromkeys(found().costs, Run.NO))
    assert told.last_line(done) == "nothing to run: every stage is up to date"


def test_every_stage_has_its_row_and_what_more_would_add_stands_below() -> None:
    lines = list(told.lines(found()))
    rows = {line.split()[0]: line for line in lines[2:6]}
    assert list(rows) == list(found().costs)
    assert "may run" in rows["full_block@1"]
    assert "up to date" in rows["plot"]
    assert "10 minutes" in rows["full"]
    below = "\n".join(lines[6:])
    for words in (
        "may run, if what they read comes out otherwise: 5 minutes",
        "one more block of seeds adds 2 minutes",
        "one more rank (64), in every block, adds 4 minutes",
        "full fine-tuning, its blocks and its control take 15 minutes",
        "50 MiB in checkpoints/",
        "not covered: methods/, stacking/, drift/, instruct/",
    ):
        assert words in below


def test_a_busy_machine_is_told_from_a_quiet_one() -> None:
    assert told.busy(Span(110, 100)) is None
    assert "while it is, 20 minutes" in (told.busy(Span(1200, 100)) or "")


def test_what_would_make_it_fit_is_written_as_it_is_set() -> None:
    changes = {"gradient_accumulation_steps": 4, "activation_checkpointing": True}
    words = told.fits(Fit(False, changes, GIB), 2 * GIB, "the GPU's memory")
    assert words == (
        "it does not fit the GPU's memory of 2.0 GiB; with -S train.gradient_accumulation_steps=4 "
        "-S train.activation_checkpointing=true it takes 1.0 GiB and does"
    )
    assert told.fits(Fit(True, {}), GIB, "memory") == "it fits memory of 1.0 GiB"
    assert "no setting of train" in told.fits(Fit(False, {}), GIB, "memory")
