"""Sentences with classes or numbers, read as the study reads them, for a sentence classifier."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import AutoModelForSequenceClassification

from audit.examples import Array, Batch, batches, spread
from audit.saved import PREFIX, Saved
from audit.wanted import Wanted
from study.data.cleaning import Sentences, class_names, clean, numbers
from study.data.reading import Query, read
from study.data.tokenising import Tokenizer
from study.entry.errors import StudyError
from study.metrics.measure import CLASSIFICATION, REGRESSION, Measure, measure_of
from study.models.pretrained import load
from study.words.scores import points_words

_HEAD = re.compile(r"(?:.*\.)?(?:classifier|score)(?:\.out_proj)?\.weight")
_GENERIC = re.compile(r"LABEL_\d+")  # what transformers calls classes that nobody named


class Classified:
    """Sentences with what is right of each.

    Attributes:
        model: the base with a head of the adapter's size.
        unit: what one is called.
    """

    unit = "sentence"
    margin = 1.0

    def __init__(self, wanted: Wanted, base: str, saved: Saved) -> None:
        """Read the sentences and load the base.

        Raises:
            StudyError: the data or the base cannot be read, or the labels are of another task.
        """
        tokenizer = Tokenizer(base, wanted.max_length, pairs=not isinstance(wanted.text, str))
        size = outputs_of(saved)
        more: dict[str, Any] = {} if size is None else {"num_labels": size}
        self.model: Any = load(
            AutoModelForSequenceClassification,
            "a sentence classifier",
            base,
            torch.float32,
            0.0,
            None,
            tokenizer.pad_token_id,
            **more,
        )
        size = int(self.model.config.num_labels)
        task = REGRESSION if size == 1 else CLASSIFICATION
        self.measure: Measure = measure_of(task, "auto")
        sentences, declared = _read(wanted, task == REGRESSION)
        origin = f"--data {wanted.name}, column {wanted.label}"
        if task == REGRESSION:
            self._labels: Array = np.array([float(label) for label in sentences.labels])
        else:
            names = self.model.config.id2label
            self._labels = np.array(class_indices(sentences, declared, size, names, origin))
        tokens = tokenizer.encode(sentences.texts)
        lengths = tokens.lengths.tolist()
        self._rows: Sequence[Tensor] = tokens.input_ids.split(lengths)
        types = tokens.token_types
        self._types = None if types is None else types.split(lengths)
        self._padding = int(self.model.config.get_text_config().pad_token_id)

    def __len__(self) -> int:
        """Return the number of sentences."""
        return len(self._rows)

    @torch.no_grad()
    def parts(self, model: Any) -> Array:
        """Return each sentence's part in the score, (n,)."""
        logits = np.empty((len(self), int(model.config.num_labels)), np.float32)
        for batch in self._batches(range(len(self))):
            logits[batch.places] = batch.call(model).logits.float().numpy()
        return self.measure.parts(self.measure.answers(logits, self._labels), self._labels)

    @property
    def point(self) -> str:
        """What a point is."""
        return points_words(self.measure)

    def shown(self, value: float) -> str:
        """Write a score."""
        return self.measure.shown(value)

    @torch.no_grad()
    def run(self, model: Any, told: Callable[[Tensor], None]) -> None:
        """Call the model on some of the sentences, each batch's mask told before."""
        for batch in self._batches(spread(len(self))):
            told(batch.mask)
            batch.call(model)

    def _batches(self, places: Sequence[int]) -> list[Batch]:
        types = None if self._types is None else [self._types[i] for i in places]
        found = list(batches([self._rows[i] for i in places], self._padding, types))
        for batch in found:
            batch.places[:] = [places[i] for i in batch.places]
        return found


def outputs_of(saved: Saved) -> int | None:
    """How many outputs the adapter's head has; None: it brings no head, so the base's counts."""
    for key, tensor in saved.other_tensors().items():
        if _HEAD.fullmatch(key.removeprefix(PREFIX)) and tensor.ndim == 2:
            return len(tensor)
    return None


def _read(wanted: Wanted, regression: bool) -> tuple[Sentences, tuple[str, ...] | None]:
    query = Query(
        name=wanted.name,
        subset=None,
        split=wanted.split,
        text=wanted.text,
        label=wanted.label,
        where=wanted.where,
        prefix="--data ",
        where_key="--where",
    )
    rows = read(query)
    origin = f"--data {wanted.name}, column {wanted.label}"
    named = numbers if regression else None
    sentences, _ = clean(rows.texts, rows.labels, origin, named)
    return sentences, rows.classes


def class_indices(
    sentences: Sentences,
    declared: Sequence[str] | None,
    size: int,
    names: dict[int, str],
    origin: str,
) -> list[int]:
    """Return the index of each sentence's class among the adapter's outputs.

    Labels are the indices themselves; or names that the base's configuration knows; or as many
    names as there are outputs, in the order in which the study numbers classes.

    Args:
        declared: classes that the source declares; size: number of outputs.
        names: id2label of the configuration.

    Raises:
        StudyError: the labels are none of these.
    """
    labels = set(sentences.labels)
    if labels <= {str(i) for i in range(size)}:
        return [int(label) for label in sentences.labels]
    known = {name: i for i, name in names.items() if not _GENERIC.fullmatch(name)}
    if labels <= known.keys():
        return [known[label] for label in sentences.labels]
    if len(labels) != size:
        shown = ", ".join(sorted(labels)[:6])
        raise StudyError(
            f"{origin}: {len(labels)} classes ({shown}), and the adapter tells {size} apart; "
            f"allowed: labels 0 to {size - 1}, or {size} names: data of the adapter's own task"
        )
    order = class_names(sentences, declared, origin)
    return [order.index(label) for label in sentences.labels]
