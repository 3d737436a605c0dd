"""What every stage's command line shares: errors for people, exit codes for DVC."""

from __future__ import annotations

import sys
from collections.abc import Callable

from study import process
from study.errors import StudyError

BAD_INPUT = 2


def run(main: Callable[[], None]) -> None:
    """Call `main`; print a `StudyError` as one message and exit with status 2."""
    process.imported()
    try:
        main()
    except StudyError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(BAD_INPUT)
