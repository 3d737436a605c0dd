"""Labels that are no class to learn: that say there is none, and that too few sentences have."""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from collections.abc import Sequence

from study.data.cleaning import Label
from study.entry.errors import StudyError

_MOST, _LONG = 10, 60  # labels that are shown, and characters of each
_NOT_NEGATIVE = re.compile(r"0|[1-9]\d*")


def refuse_no_label(labels: Sequence[str], origin: str) -> None:
    """Refuse a class -1 beside 0 and other classes: many data sets write so that there is no label.

    -1 beside 1 alone, or beside 0 alone, is one of two classes.

    Args:
        labels: names of classes, see `label_names`.

    Raises:
        StudyError: saying how to leave such rows out, and how to keep them.
    """
    others = set(labels) - {"-1"}
    if len(others) == len(set(labels)) or len(others) < 2 or "0" not in others:
        return
    if all(_NOT_NEGATIVE.fullmatch(name) for name in others):
        raise StudyError(
            f"{origin}: {list(labels).count('-1')} texts have the label -1 beside labels from 0 "
            "up, which in many data sets says that there is none. To leave them out: dvc exp run "
            "-S 'data.drop_labels=[-1]'; to train it as a class: -S 'data.drop_labels=[]'"
        )


def refuse_rare(
    labels: Sequence[str], least: int, origin: str, left_out: Sequence[Label] | None
) -> None:
    """Refuse classes with fewer sentences than there are splits to be drawn, beside two with more.

    Args:
        labels: names of classes, see `label_names`; least: how many each has to have.
        left_out: data.drop_labels; None where it does not reach these labels.

    Raises:
        StudyError: saying how to leave them out.
    """
    counts = Counter(labels)
    rare = sorted(name for name, count in counts.items() if count < least)
    if rare and len(counts) - len(rare) > 1:  # else there is too little of everything
        shown = ", ".join(f"{name[:_LONG]!r} ({counts[name]})" for name in rare[:_MOST])
        more = "" if len(rare) <= _MOST else f" and {len(rare) - _MOST} others"
        raise StudyError(
            f"{origin}: fewer than {least} sentences, one for each split, have the label "
            f"{shown}{more}; allowed: more of them{way_out(rare, left_out)}"
        )


def way_out(names: Sequence[str], left_out: Sequence[Label] | None) -> str:
    """Say, behind what else is allowed, how to leave out the rows with these labels as well.

    Args:
        left_out: data.drop_labels; None where it does not reach these labels: then "", as for
            more labels, or longer ones, than anybody wants to type.
    """
    if left_out is None or len(names) > _MOST or max(map(len, names)) > _LONG:
        return ""
    listed = [_written(name) for name in (*map(str, left_out), *names)]
    setting = shlex.quote(f"data.drop_labels=[{','.join(listed)}]")
    return f", or to leave them out: dvc exp run -S {setting}"


def _written(name: str) -> str:
    """Write a label as `-S` takes it: in quotes, in which null and true are words."""
    return name if re.fullmatch(r"-?\d{1,9}", name) else json.dumps(name, ensure_ascii=False)
