"""The settings that a forecast is asked for: params.yaml, with changes as after -S.

DVC's own code applies the changes to a copy, so that they mean here what they mean there; the
study's own code checks the result. The user's file stays as it is.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from study.entry.errors import StudyError
from study.entry.sections import PARAMS
from study.settings import whole
from study.settings.whole import Settings


@dataclass(frozen=True)
class Asked:
    """What to forecast.

    Attributes:
        text: params.yaml with the changes.
        changes: as they were written.
    """

    settings: Settings
    text: str
    changes: tuple[str, ...] = ()


def asked(changes: Sequence[str] = (), params: str | Path = PARAMS) -> Asked:
    """Return the settings of a file with changes.

    Args:
        changes: KEY=VALUE each, in Hydra's grammar, as after `-S`; another file's come as
            FILE:KEY=VALUE and are refused.

    Raises:
        StudyError: a change is none, names a key that is not there or another file, or the settings
            are wrong with it; each is named.
    """
    params = Path(params)
    if not changes:
        settings = whole.load(params)
        return Asked(settings, params.read_text(encoding="utf-8"))
    _refuse_others(changes)
    whole.load(params)  # what is wrong without the changes is not theirs
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, params.name)
        shutil.copyfile(params, copy)
        _apply(copy, changes)
        text = copy.read_text(encoding="utf-8")
        with_changes = f"{params} with {' '.join(f'-S {change}' for change in changes)}"
        return Asked(_parsed(copy, with_changes), text, tuple(changes))


def _parsed(copy: Path, words: str) -> Settings:
    try:
        return whole.load(copy)
    except StudyError as error:
        raise StudyError(str(error).replace(str(copy), words)) from error


def _refuse_others(changes: Sequence[str]) -> None:
    """Refuse what DVC would read as a setting of another file, or would run more than once."""
    for change in changes:
        file, colon, _ = change.partition("=")[0].partition(":")
        if colon and file != PARAMS:
            raise StudyError(
                f"-S {change}: a setting of {file}; allowed: settings of the main study's {PARAMS}"
            )


def _apply(copy: Path, changes: Sequence[str]) -> None:
    # DVC and Hydra take a second to load, and only changes need them.
    from dvc.exceptions import DvcException
    from dvc.utils.hydra import apply_overrides, get_hydra_sweeps

    own = [change.removeprefix(f"{PARAMS}:") for change in changes]
    tried = Path(shutil.copyfile(copy, copy.with_name("tried.yaml")))
    for change in own:  # one by one first, so that an error is of one
        try:
            values = len(get_hydra_sweeps({PARAMS: [change]}))
            apply_overrides(tried, [change] if values == 1 else [])
        except Exception as error:  # Hydra's and OmegaConf's have no root of their own
            cause = error.__cause__ if isinstance(error, DvcException) else error
            said = str(cause or error).strip().splitlines() or [type(error).__name__]
            raise StudyError(
                f"-S {change}: {said[0]}; allowed: KEY=VALUE, KEY a setting of {PARAMS}"
            ) from error
        if values != 1:
            raise StudyError(
                f"-S {change}: several values, of which DVC makes several experiments; "
                "allowed: one value (a list stands in brackets)"
            )
    apply_overrides(copy, own)
