"""Probes the frozen encoder: fits on training, picks on validation, is tested once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor
from transformers import PreTrainedModel

from study.batches.feeds import TokenFeed
from study.metrics.measure import measure_of
from study.models.packed import parameter_count
from study.models.readout import POOLED
from study.probes.fit import Floats, Labels, best_by_kind, picked
from study.probes.record import KindRecord, LinearProbe
from study.probes.states import NO_POOLER, kinds, states
from study.records.prepared import Prepared


def linear_probe(model: PreTrainedModel, data: Prepared, feed: TokenFeed) -> LinearProbe:
    """Return the record of the probe that validation picks.

    Args:
        model: as `study.models.packed.load_pretrained` gives it, on the device of the feed.
        feed: of the data.

    Raises:
        StudyError: the training sentences are all of one class.
    """
    train, validation = (_doubles(states(model, feed, name)) for name in ("train", "validation"))
    held, measure = _labels(feed, "validation"), measure_of(data.task, data.metric)
    probes = best_by_kind(train, _labels(feed, "train"), validation, held, measure)
    best = picked(probes)
    test = _doubles(states(model, feed, "test"))
    labels = _labels(feed, "test")
    predictions = best.predict(test[best.kind])
    losses = best.losses(test[best.kind], labels)
    tried = kinds(model)
    return LinearProbe(
        state=best.kind,
        c=best.c,
        validation_score=best.validation_score,
        test_score=measure.value(predictions if losses is None else losses, labels),
        trainable_parameters=best.coefficients,
        total_parameters=parameter_count(model.base_model) + best.coefficients,
        states=tuple(KindRecord(k, p.c, p.validation_score) for k, p in probes.items()),
        left_out={} if POOLED in tried else {POOLED: NO_POOLER},
        label_names=data.label_names,
        test_labels=_plain(labels),
        validation_predictions=_plain(best.validation_predictions),
        test_predictions=_plain(predictions),
        metric=measure.name,
        validation_losses=_plain(best.losses(validation[best.kind], held)),
        test_losses=_plain(losses),
    )


def _doubles(found: Mapping[str, Tensor]) -> dict[str, Floats]:
    return {kind: rows.double().numpy() for kind, rows in found.items()}


def _labels(feed: TokenFeed, split: str) -> Labels:
    return np.asarray(feed.labels(split).numpy())


def _plain(values: Labels | None) -> Any:
    return None if values is None else tuple(values.tolist())
