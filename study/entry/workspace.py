"""Where a stage runs: in the user's workspace, or in a copy that DVC made for an experiment.

`dvc exp run --temp` and queued experiments run in a folder below `.dvc/tmp/exps`, which holds what
git tracks and nothing else of the workspace.
"""

from __future__ import annotations

from pathlib import Path

_COPIES = (".dvc", "tmp", "exps")


def original() -> Path | None:
    """Return the folder of the user's workspace that this one is a copy of; None if it is none."""
    here = Path.cwd()
    for place in range(len(here.parts) - len(_COPIES), 0, -1):
        if here.parts[place : place + len(_COPIES)] == _COPIES:
            for copy in (here, *here.parents):
                if (copy / ".dvc").is_dir():
                    return Path(*here.parts[:place], here.relative_to(copy))
    return None
