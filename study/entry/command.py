"""What every stage's command line shares: which study, errors for people, exit codes for DVC.

`--study FOLDER` makes a stage work in that folder: settings are read and results written there.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from study.entry import process
from study.entry.errors import StudyError

BAD_INPUT = 2
STUDY = "--study"

_folder = ""  # that --study named


def run(main: Callable[[], None]) -> None:
    """Call `main`; print a `StudyError` as one message and exit with status 2.

    `--study FOLDER` is taken off the command line before `main` sees it.
    """
    process.imported()
    try:
        _enter_study()
        main()
    except StudyError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(BAD_INPUT)


def _enter_study() -> None:
    """Change to the folder that `--study` names, if it is there on the command line.

    Raises:
        StudyError: there is no such folder, or none is named.
    """
    if STUDY not in sys.argv:
        return
    place = sys.argv.index(STUDY)
    named = sys.argv[place + 1 : place + 2]
    if not named or not os.path.isdir(named[0]):
        raise StudyError(f"{STUDY}: {' '.join(named) or 'nothing'}; allowed: a study's folder")
    del sys.argv[place : place + 2]
    global _folder
    _folder = named[0]
    os.chdir(_folder)


def shown(path: str) -> str:
    """Return a path in the study's folder as whoever started the stage would write it."""
    return os.path.join(_folder, path)
