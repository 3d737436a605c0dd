"""The other task: its settings and its sentences, none of which the study knows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from study.data.preparing import prepare
from study.data.relatives import related
from study.data.sizes import Asked
from study.entry.errors import StudyError
from study.records.prepared import SPLITS, Prepared, Split
from study.settings.data import DataSettings

if TYPE_CHECKING:
    from study.studies.stacking.settings import StackingStudy


def other_data(settings: StackingStudy) -> DataSettings:
    """Return the settings of the other task's data: what is not in `stacking` is the study's."""
    own = settings.stacking
    assert own.source.label is not None  # an agreement of the settings
    return replace(
        settings.data,
        name=own.source.name,
        subset=own.source.subset,
        split=own.source.split,
        text=own.source.text,
        pair_halves="apart",
        label=own.source.label,
        where=own.source.where,
        drop_labels=(),
        test_name=None,
        test_split=None,
        test_text=None,
        test_label=None,
        train_size=own.train_size,
        validation_size=own.validation_size,
        test_size=own.test_size,
    )


def prepare_other(settings: StackingStudy, data: Prepared) -> tuple[Prepared, dict[str, Any]]:
    """Prepare the other task's data as the study's own are, and leave out what the study knows.

    No adapter may be tested on what it, or the one that is added to it, has read. So sentences that
    the study trains, validates or tests on, and near-duplicates of them (`study.data.relatives`),
    are left out of the other task's splits.

    Args:
        data: the study's own.

    Returns:
        the data, and the report on them as they were drawn, with `left_out`: how many of each
        split, and `kept`: how many are left.

    Raises:
        StudyError: the source is no good, its classes are not the study's, or the study knows more
            than half of a split.
    """
    if data.task == "regression":
        raise StudyError(
            "data.task: regression; stacking is not defined for it, as it counts the sentences of "
            "either task that are classified rightly; allowed: classification"
        )
    try:
        asked = Asked("", "stacking/params.yaml:", "dvc exp run stacking/dvc.yaml")
        drawn, report = prepare(other_data(settings), settings.model.name, asked)
    except StudyError as error:
        words = "stacking, whose source and sizes stand in for data.*"
        raise StudyError(f"{words}: {error}") from error
    if drawn.label_names != data.label_names:
        raise StudyError(
            f"stacking/params.yaml:source.label: the classes {', '.join(drawn.label_names[:10])}; "
            f"allowed: the study's, {', '.join(data.label_names[:10])}: adapters of other classes "
            "have no sum"
        )
    study = [getattr(data, name) for name in SPLITS]
    new: dict[str, Any] = {
        name: _unknown(name, getattr(drawn, name), study, settings) for name in SPLITS
    }
    other = replace(drawn, **new, batching=data.batching, metric=data.metric)
    report["kept"] = {name: len(getattr(other, name)) for name in SPLITS}
    report["left_out"] = {
        name: len(getattr(drawn, name)) - kept for name, kept in report["kept"].items()
    }
    return other, report


def _unknown(name: str, drawn: Split, study: list[Split], settings: StackingStudy) -> Split:
    """Return the sentences that the study does not know; refuse a split that it knows mostly."""
    new = (~related(drawn, study, settings.model.name)).nonzero().flatten()
    kept = drawn.chosen(new) if len(new) else None
    classes = len(drawn.labels.unique()) if name == "train" else 2
    if kept is None or 2 * len(kept) < len(drawn) or len(kept.labels.unique()) < classes:
        raise StudyError(
            f"stacking/params.yaml:source: {settings.stacking.source.name}, of whose "
            f"{len(drawn):,} {name} sentences the study (data.name) reads "
            f"{len(drawn) - len(new):,}, or near-duplicates of them; allowed: at most half, "
            "and some of every class left, as no adapter is to be tested on what it was trained on"
        )
    return kept
