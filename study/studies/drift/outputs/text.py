"""General text: sentences of another source than the study's, tokenised, with labels if they fit.

`text.safetensors` holds the tensors, which are a pure function of the settings and the source.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from study.data.cleaning import Sentences, indices
from study.data.reading import Query
from study.data.relatives import related
from study.data.sizes import Asked
from study.data.source import read_source
from study.data.splitting import stretches
from study.data.tokenising import Tokenizer
from study.entry.errors import StudyError
from study.records.prepared import SPLITS, Prepared, Split
from study.words.phrases import listed

if TYPE_CHECKING:
    from study.studies.drift.settings import DriftStudy

KEY = "drift/params.yaml:source"
NO_LABEL = -1  # in place of a class


def general_text(settings: DriftStudy, data: Prepared) -> tuple[Split, dict[str, Any]]:
    """Draw the sentences and tokenise them.

    With labels of the study's classes they are stratified; otherwise every label is `NO_LABEL`.
    Sentences that the study trains, validates or tests on, and near-duplicates of them
    (`study.data.relatives`), are left out afterwards.

    Returns:
        the sentences, and the report on them (drift/metrics/text.json).

    Raises:
        StudyError: the source or a setting is no good, or nothing is left.
    """
    if data.task == "regression":
        raise StudyError(
            "data.task: regression; drift is not defined for it, as it compares the probabilities "
            "of classes; allowed: classification"
        )
    source = settings.drift.source
    tokenizer = Tokenizer(settings.model.name, data.max_length)  # first: it fails fast
    found = read_source(
        Query.of(source, f"{KEY}."),
        settings.data.max_dropped_share,
        Asked(command="dvc exp run drift/dvc.yaml"),
    )
    reason = _without_labels(found.sentences, source.label, data.label_names)
    origin = f"{KEY}.label: {source.name}"
    classes = (
        [0] * len(found.sentences) if reason else indices(found.sentences, data.label_names, origin)
    )
    sizes = [("drift.sentences", settings.drift.sentences)]
    alone = np.arange(len(classes))  # of one split no family is in two
    (stretch,) = stretches(classes, alone, sizes, settings.data.seed, source.name)
    tokens = tokenizer.encode([found.sentences.texts[i] for i in stretch.chosen])
    labels = [NO_LABEL if reason else classes[i] for i in stretch.chosen]
    drawn = Split(tokens.input_ids, tokens.lengths, torch.tensor(labels), tokens.token_types)
    known = related(drawn, [getattr(data, name) for name in SPLITS], settings.model.name)
    if known.all():
        raise StudyError(f"{KEY}.name: {source.name} gives no sentence that the study has not seen")
    text = drawn.chosen((~known).nonzero().flatten())
    report = {
        "name": found.display_name,
        "rows": found.rows,
        "drawn": len(drawn),
        "in_study": len(drawn) - len(text),
        "sentences": len(text),
        "max_length": data.max_length,
        "tokens": int(text.lengths.sum()),
        "truncated_share": float((tokens.full_lengths > tokens.lengths).double().mean()),
        "labels": None if reason else list(data.label_names),
        "without_labels": reason,
    }
    return text, report


def save_text(text: Split, path: Path) -> None:
    """Write the sentences."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(text.tensors(), path)


def load_text(path: Path) -> Split:
    """Read what `save_text` wrote.

    Raises:
        StudyError: it is not there, or is none.
    """
    try:
        return Split.of(load_file(path))
    except (OSError, SafetensorError, KeyError) as error:
        raise StudyError(
            f"{path}: not the text that the stage drift_text writes ({error!r}); run "
            "`dvc repro drift/dvc.yaml`"
        ) from error


def _without_labels(sentences: Sentences, label: str | None, names: tuple[str, ...]) -> str | None:
    """Say why the labels say nothing about the study's classes; None if they do."""
    if label is None:
        return f"{KEY}.label is null: the text has no labels"
    others = sorted(set(sentences.labels) - set(names))
    if others:
        shown = listed(others[:5]) + (" and others" if len(others) > 5 else "")
        return f"the text's labels ({shown}) are not the study's classes ({listed(names[:10])})"
    return None
