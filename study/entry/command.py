"""What every stage's command line shares: which study, errors for people, exit codes for DVC.

`--study FOLDER` makes a stage work in that folder: settings are read and results written there.
Errors name its params.yaml as it is seen from the repository's root.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from study.entry import process, workspace
from study.entry.errors import StudyError

BAD_INPUT = 2
STUDY = "--study"
DEBUG = "--debug"
PARAMS = "params.yaml"
BACK = "make back"


def run(main: Callable[[], None]) -> None:
    """Call `main`; print a `StudyError` as one message and exit with status 2.

    `--study FOLDER` is taken off the command line before `main` sees it, and so is `--debug`, which
    shows where in the program the error was raised.
    """
    process.imported()
    params, debug = PARAMS, DEBUG in sys.argv
    if debug:
        sys.argv.remove(DEBUG)
    try:
        params = _enter_study()
        main()
    except StudyError as error:
        if debug:
            traceback.print_exc()
        said = re.sub(rf"(?<![\w/]){re.escape(PARAMS)}", lambda _: params, str(error))
        print(f"error: {said}", file=sys.stderr)
        for path in _changed():
            path = params if path == PARAMS else path
            print(f"{path} is not as committed; to undo that: {BACK}", file=sys.stderr)
        sys.exit(BAD_INPUT)


def _changed() -> list[str]:
    """Files of settings that are not git's last: `dvc exp run -S` leaves what was refused in them.

    Contents are compared, since DVC may change them faster than a time stamp tells. In a copy that
    DVC made for an experiment there is nothing to undo.
    """
    if workspace.original() is not None:
        return []
    found = []
    for path in (PARAMS, *sorted(str(path) for path in Path().glob(f"*/{PARAMS}"))):
        try:
            committed = subprocess.run(
                ["git", "show", f"HEAD:./{path}"], capture_output=True, check=True
            ).stdout
            if Path(path).read_bytes() != committed:
                found.append(path)
        except (OSError, subprocess.CalledProcessError):  # no git, no repository, no such file
            continue
    return found


def _enter_study() -> str:
    """Change to the folder that `--study` names, if it is there on the command line.

    Returns:
        params.yaml as it is called from where the stage was started.

    Raises:
        StudyError: there is no such folder, or none is named.
    """
    if STUDY not in sys.argv:
        return PARAMS
    place = sys.argv.index(STUDY)
    named = sys.argv[place + 1 : place + 2]
    if not named or not os.path.isdir(named[0]):
        raise StudyError(f"{STUDY}: {' '.join(named) or 'nothing'}; allowed: a study's folder")
    del sys.argv[place : place + 2]
    os.chdir(named[0])
    return f"{named[0].rstrip('/')}/{PARAMS}"
