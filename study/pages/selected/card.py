"""The README of what was picked, as the hub wants a model card: metadata on top, then words.

The metadata are written and checked by huggingface_hub. What is not known is left out: no hub id is
made up for a base or data that came from a package or this disk, and no language or licence; the
words say where they came from. A result must have a type of data set: without a hub id it is what
reads such files, as in the cards that transformers' own trainer writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from study.metrics.measure import measure_named
from study.pages.selected import sections
from study.pages.selected.facts import Facts
from study.words.phrases import counted
from study.words.scores import score

_DIGITS = 4
_TASK = "text-classification"  # of a regression too: the hub has no word for one


def adapter_card(facts: Facts, lines: Sequence[str]) -> ModelCard:
    """Return the adapter's card; `lines` are the Python that classifies with it."""
    load = [
        "It is loaded on top of its base, from the study's folder:",
        sections.code(lines),
        sections.adapter_note(facts),
    ]
    data = _metadata(facts, library_name="peft", tags=["lora", _TASK])
    return _card(data, facts, sections.adapter_title(facts), load)


def merged_card(facts: Facts, lines: Sequence[str]) -> ModelCard:
    """Return the merged model's card; `lines` are the Python that classifies with it."""
    load = [
        "It is an ordinary folder of transformers and needs neither PEFT nor its base, here from "
        "the study's folder:",
        sections.code(lines),
        sections.merged_note(facts),
    ]
    data = _metadata(facts, library_name="transformers", tags=[_TASK, "lora"])
    return _card(data, facts, sections.merged_title(facts), load)


def _card(data: ModelCardData, facts: Facts, title: str, load: list[str]) -> ModelCard:
    body = [
        f"# {title}",
        sections.what_it_is(facts),
        "## How to use it",
        *load,
        "## Training data",
        sections.training_data(facts),
        "## How it was trained",
        sections.training(facts),
        "## Results",
        sections.results(facts),
        "## Limits",
        sections.limits(facts),
        "## Licence",
        sections.licence(facts),
    ]
    return ModelCard(f"---\n{data.to_yaml()}\n---\n\n" + "\n\n".join(body) + "\n")


def _metadata(facts: Facts, library_name: str, tags: list[str]) -> ModelCardData:
    language = facts.base_card().get("language")
    return ModelCardData(
        base_model=facts.base_id,
        datasets=facts.data_id(),
        language=language if isinstance(language, str) else None,
        library_name=library_name,
        license=facts.license(),
        metrics=[facts.arm.metric],
        model_name=sections.adapter_title(facts),
        pipeline_tag=_TASK,
        tags=tags,
        eval_results=_results(facts),
    )


def _results(facts: Facts) -> list[EvalResult]:
    """Return the run's score on test, and the rank's over all seeds with its interval."""
    common: dict[str, Any] = {
        "task_type": _TASK,
        "dataset_type": facts.data_type(),
        "dataset_name": facts.data_name() + facts.rows_taken(),
        "dataset_split": "test",
        "metric_type": facts.arm.metric,
    }
    words = measure_named(facts.arm.metric).words
    entry, seeds = facts.entry, facts.summary["seeds"]
    interval = {
        "low": round(entry["low"], _DIGITS),
        "high": round(entry["high"], _DIGITS),
        "confidence": facts.summary["confidence"],
        "over": facts.summary["interval"],
    }
    return [
        EvalResult(
            **common,
            metric_name=f"Test {words} of this run (seed {facts.run.seed})",
            metric_value=round(facts.run.test_score, _DIGITS),
        ),
        EvalResult(
            **common,
            metric_name=f"Test {words}, mean over {counted(len(seeds), 'seed')}",
            metric_value=round(score(entry), _DIGITS),
            metric_args=interval,
        ),
    ]
