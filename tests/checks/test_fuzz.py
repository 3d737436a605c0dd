"""Bad input: a sample of every kind keeps to the law, and what breaks the law is found."""

from __future__ import annotations

import mmap
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from checks.fuzz import __main__ as command
from checks.fuzz import children, judge, page, table
from checks.fuzz.judge import ACCEPTED, FIND, REFUSED, Made, Outcome
from checks.fuzz.open import OPEN
from study.entry.errors import StudyError

SAMPLE = {"settings": 60, "data": 40, "adapters": 12, "records": 30}


@pytest.mark.parametrize("name", SAMPLE)
def test_a_sample_is_accepted_or_refused_with_one_clear_error(name: str) -> None:
    found = list(children.outcomes(command.kind_named(name), SAMPLE[name], seed=1))
    assert len(found) == SAMPLE[name]
    assert [line for line in table.finds(found) if line.startswith(FIND.upper())] == []
    verdicts = {outcome.verdict for outcome in found}
    assert verdicts >= {ACCEPTED, REFUSED}
    assert all(outcome.shown for outcome in found if outcome.verdict == REFUSED)


def test_the_command_line_ends_with_one_error_and_status_2() -> None:
    (found,) = children.outcomes(command.kind_named("commands"), 1, seed=0)
    assert found.verdict == REFUSED
    assert found.shown.startswith("error: ")


# --- What breaks the law -------------------------------------------------------------------------


def refuse(message: str) -> None:
    raise StudyError(message)


def judged(folder: Path, run: Callable[[], Any], **more: Any) -> Outcome:
    case = folder / "case"
    case.mkdir()
    (case / "data.csv").write_text("text,label\n")
    (folder / "beside.txt").write_text("nobody's business")
    return judge.judge(Made("a family", run, ("data.csv",), **more), folder)


def test_a_clear_error_is_no_find(tmp_path: Path) -> None:
    found = judged(tmp_path, lambda: refuse("data.csv: empty; allowed: rows"))
    assert found == Outcome("a family", REFUSED, "", "data.csv: empty; allowed: rows")


def test_what_is_read_rightly_is_no_find(tmp_path: Path) -> None:
    found = judged(tmp_path, lambda: 3, wrong=lambda value: None if value == 3 else "not 3")
    assert found.verdict == ACCEPTED


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("it is wrong", "names neither key nor file"),
        ("data.csv: " + "x" * judge.LONGEST, "more than 20,000 characters"),
        ("data.csv: <object object at 0x7f>", "the program's inside"),
    ],
)
def test_an_unclear_error_is_found(tmp_path: Path, message: str, told: str) -> None:
    found = judged(tmp_path, lambda: refuse(message))
    assert found.verdict == FIND
    assert told in found.told


def test_what_escapes_is_found_with_its_place(tmp_path: Path) -> None:
    from study.data.textfiles import clipped

    found = judged(tmp_path, lambda: clipped(None))  # type: ignore[arg-type]
    assert (found.verdict, found.told) == (FIND, "study/data/textfiles.py clipped: TypeError")


def test_a_wrong_value_is_found(tmp_path: Path) -> None:
    found = judged(tmp_path, lambda: 4, wrong=lambda value: None if value == 3 else "not 3")
    assert (found.verdict, found.told) == (FIND, "not 3")


def test_what_takes_too_long_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "SECONDS", 0.05)

    def endless() -> None:
        while True:
            pass

    found = judged(tmp_path, endless)
    assert found.verdict == FIND
    assert "more than 0.05 s" in found.told


def test_what_takes_too_much_memory_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judge, "MEMORY", 16 << 20)

    def fill() -> None:  # pages that nobody has had before
        with mmap.mmap(-1, 64 << 20) as pages:
            for place in range(0, len(pages), mmap.PAGESIZE):
                pages[place] = 1

    found = judged(tmp_path, fill)
    assert (found.verdict, found.told) == (FIND, "more than 2 GiB of memory")


def test_a_harmed_file_is_found_even_beside_the_case(tmp_path: Path) -> None:
    found = judged(tmp_path, lambda: (tmp_path / "beside.txt").write_text("changed"))
    assert (found.verdict, found.told) == (FIND, "beside.txt was changed")


def test_what_is_made_is_found_but_where_it_may_be(tmp_path: Path) -> None:
    def write() -> None:
        (tmp_path / "case/new.json").write_text("{}")

    assert judged(tmp_path, write).told == "case/new.json was made"
    (tmp_path / "case/new.json").unlink()
    made = Made("a family", write, ("data.csv",), writes=True)
    assert judge.judge(made, tmp_path).verdict == ACCEPTED


def test_a_refusal_leaves_nothing_half_made(tmp_path: Path) -> None:
    def write() -> None:
        (tmp_path / "case/new.json").write_text("{}")
        refuse("data.csv: no rows")

    assert judged(tmp_path, write, writes=True).told == "case/new.json was made"


# --- Processes and the table ---------------------------------------------------------------------


@dataclass
class Deadly:
    """Three cases, of which the second ends its process, or says nothing any more."""

    deed: Callable[[], Any]
    name: str = "deadly"

    def ready(self, cases: int, seed: int, folder: Path) -> None:
        """Need nothing."""

    def make(self, number: int, folder: Path) -> Made:
        """Return a case."""
        return Made(f"case {number}", self.deed if number == 1 else lambda: None, ("x",))


def test_a_case_that_ends_its_process_is_found_and_stops_no_other() -> None:
    found = list(children.outcomes(Deadly(lambda: os.kill(os.getpid(), signal.SIGKILL)), 3, 0))
    assert [outcome.verdict for outcome in found] == [ACCEPTED, FIND, ACCEPTED]
    assert found[1] == Outcome("case 1", FIND, "the process ended with -9")


def test_a_case_that_hangs_is_found_and_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "WAIT", 10)
    found = list(children.outcomes(Deadly(signal.pause), 3, 0))
    assert [outcome.verdict for outcome in found] == [ACCEPTED, FIND, ACCEPTED]
    assert found[1].told == "no answer within 10 s"


def test_the_table_counts_what_is_new_apart_from_what_is_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(table, "OPEN", frozenset({"known"}))
    outcomes = [
        Outcome("a", ACCEPTED),
        Outcome("a", REFUSED, "", "said"),
        Outcome("b", FIND, "known"),
        Outcome("c", FIND, "new"),
    ]
    assert table.rows({"settings": outcomes})[1] == ("settings", "4", "1", "1", "1", "1")
    assert [line.split()[0] for line in table.finds(outcomes)] == ["open", "FIND"]


def test_every_room_of_what_is_open_is_there() -> None:
    root = Path(__file__).parents[2]
    for told in OPEN:
        place = told.split()[0]
        assert not place.endswith(".py") or (root / place).is_file(), told


def test_the_page_takes_the_counts_and_keeps_the_rest() -> None:
    path = Path(__file__).parents[2] / page.PAGE
    before = path.read_text(encoding="utf-8")
    outcomes = [Outcome("a", ACCEPTED), Outcome("b", FIND, "a | b")]
    after = page.written(before, {"data": outcomes}, seed=7)
    assert "`python -m checks.fuzz --cases 2 --seed 7` said:" in after
    assert "| data | 2 | 1 | 0 | 1 | 0 |" in after
    assert "- a / b: 1 cases, new" in after
    assert page.written(after, {"data": outcomes}, seed=7) == after
    assert after.partition(page.START)[0] == before.partition(page.START)[0]
    assert after.partition(page.END)[2] == before.partition(page.END)[2]
