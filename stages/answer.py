"""Goes on until the answer is told: trains block after block of seeds. No stage; it runs them.

    python -m stages.answer [--blocks N] [--hours H]      or: make answer

Adds a block of seeds to `blocks` in params.yaml, has `dvc repro` train it, and says what is told
and what the rest would take; until every rank's verdict at every margin is told, or there are
`statistics.budget` blocks (N here), or so many hours are over. Every look is paid for: the looks
that are planned stand in `statistics.looks`, and what the study said before is held to them too.
Killed, it goes on from where it was. At the end all that follows from the seeds is made anew.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

from dvc.utils.serialize import modify_yaml

from study.analyses.sufficiency.standing import lines, questions
from study.entry import command
from study.entry.errors import StudyError
from study.entry.sections import PARAMS
from study.records.json_file import read_json
from study.settings import whole
from study.settings.whole import Settings

RECORD = "metrics/sufficient_rank.json"
_HOUR = 3600.0


def main() -> None:
    """Train until it is told."""
    parser = argparse.ArgumentParser(prog="python -m stages.answer", description=__doc__)
    parser.add_argument("--blocks", type=int, help="in all, at the most; else statistics.budget")
    parser.add_argument("--hours", type=float, help="after which no further block is begun")
    asked = parser.parse_args()
    started = time.monotonic()
    looks = planned(whole.load(), asked.blocks)
    write(looks=looks)
    while True:
        repro("sufficient_rank")
        record = read_json(RECORD)
        print(*lines(record), sep="\n", flush=True)
        done = ended(record, looks, whole.load(), started, asked.hours)
        if done:
            break
        write(blocks=next_blocks(whole.load(), looks))
    print(f"{done}; now all that follows from it", flush=True)
    repro()


def planned(settings: Settings, most: int | None) -> list[int]:
    """Return the numbers of blocks to look at: those that the settings plan, or all from now on.

    Args:
        most: blocks in all; None: as the settings say.

    Raises:
        StudyError: there are more blocks already than may be trained.
    """
    now, looks = 1 + len(settings.blocks), settings.statistics.looks
    if looks is not None and (most is None or most == looks[-1]):
        return list(looks)
    if looks is not None:
        raise StudyError(
            f"--blocks {most}: statistics.looks plans {looks[-1]}, and error rates are shared out "
            f"over them; allowed: {looks[-1]}, or statistics.looks: null to plan anew"
        )
    most = settings.statistics.budget if most is None else most
    if most < now:
        raise StudyError(
            f"{'--blocks' if most != settings.statistics.budget else 'statistics.budget'}: {most}; "
            f"allowed: {now} or more, as there are {now} blocks of seeds"
        )
    return list(range(now, most + 1))


def ended(
    record: dict[str, Any],
    looks: Sequence[int],
    settings: Settings,
    started: float,
    hours: float | None,
) -> str:
    """Say why nothing more is trained; empty if it goes on."""
    if all(question.told for question in questions(record)):
        return "everything that was asked is told"
    now = 1 + len(settings.blocks)
    if now >= looks[-1]:
        return f"the budget of {looks[-1]} blocks is spent"
    if hours is not None and time.monotonic() - started >= hours * _HOUR:
        return f"{hours:g} hours are over"
    return ""


def next_blocks(settings: Settings, looks: Sequence[int]) -> list[int]:
    """Return the further blocks up to the next look, those that there are first."""
    blocks, new = list(settings.blocks), 1
    wanted = min(count for count in looks if count > 1 + len(blocks))
    while 1 + len(blocks) < wanted:
        if new not in blocks:
            blocks.append(new)
        new += 1
    return sorted(blocks)


def write(*, blocks: list[int] | None = None, looks: list[int] | None = None) -> None:
    """Write settings into params.yaml, which keeps its comments, as `dvc exp run -S` does."""
    with modify_yaml(PARAMS) as raw:
        if blocks is not None:
            raw["blocks"] = blocks
        if looks is not None:
            raw["statistics"]["looks"] = looks


def repro(*stages: str) -> None:
    """Run `dvc repro`.

    Raises:
        StudyError: a stage failed; what it said stands above.
    """
    code = subprocess.run([sys.executable, "-m", "dvc", "repro", *stages], check=False).returncode
    if code:
        raise StudyError(
            "dvc repro failed, as said above; `python -m stages.answer` goes on from there, and "
            "`make back` takes the settings back"
        )


if __name__ == "__main__":
    command.run(main)
