"""A study small enough to run whole in seconds: a random model, made-up texts, few of each.

Texts are longer than the windows that the small models have.
"""

from __future__ import annotations

import csv
import itertools
import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from transformers import AutoTokenizer

from checks.families.making import CAUSAL, make

MODEL, RANKS = "model", (1, 2)
_GOOD = ("great", "warm", "witty", "moving")
_BAD = ("dull", "cold", "stale", "empty")
_SUBJECTS = ("film", "plot", "cast", "score", "script", "scene", "drama", "story")
_OPENINGS = ("the", "this", "a", "one", "that")
_TEMPLATE = (
    "{% for message in messages %}[{{ message['role'] }}] {{ message['content'] }}"
    "{{ eos_token if message['role'] == 'assistant' }}\n{% endfor %}"
    "{{ '[assistant] ' if add_generation_prompt }}"
)

# What is changed in the repository's params.yaml; all else stays as it is there.
_BOTH: dict[str, Any] = {
    "seeds": [0, 1],
    "model.name": MODEL,
    "data.where": None,
    "data.max_length": 64,
    "train.batch_size": 16,
    "train.epochs": 2,
    "train.precision": "fp32",
    "lora.ranks": list(RANKS),
    "lora.rank": RANKS[0],
    "lora.learning_rates": [0.01, 0.002],
    "lora.target_modules": "all-linear",
}
_MAIN: dict[str, Any] = {
    "blocks": [],
    "data.name": "texts.csv",
    "data.train_size": 64,
    "data.validation_size": 32,
    "data.test_size": 48,
    "head_only.epochs": 2,
    "head_only.learning_rates": [0.01],
    "full.learning_rates": [0.0005],
    "theory.out_features": 5,
    "theory.in_features": 6,
    "theory.samples": 60,
    "theory.ranks": [1, 2],
    "theory.seeds": [0],
    "theory.steps": 20,
    "statistics.resamples": 50,
    "select.force": True,  # so few steps need not train anything
    "capacity.covariance_sentences": 16,
    "spectra.gradient_sentences": 16,
}
_INSTRUCT: dict[str, Any] = {
    "data.form": "alpaca",
    "data.name": "pairs.jsonl",
    "data.train_size": 48,
    "data.validation_size": 24,
    "data.test_size": 32,
    "data.max_length": 96,
}


def write(folder: Path, family: str, kind: str, params: Path) -> None:
    """Write a study into a folder: its model, its data and its params.yaml.

    Args:
        kind: `CAUSAL` is a study of instruction tuning.
        params: of the repository.
    """
    make(folder / MODEL, family, kind)
    if kind == CAUSAL:
        tokenizer = AutoTokenizer.from_pretrained(folder / MODEL)
        tokenizer.chat_template = _TEMPLATE
        tokenizer.save_pretrained(folder / MODEL)
        rows = (json.dumps(row) + "\n" for row in _pairs())
        (folder / "pairs.jsonl").write_text("".join(rows), encoding="utf-8")
    else:
        _write_csv(folder / "texts.csv", _texts())
    own = _INSTRUCT if kind == CAUSAL else _MAIN
    change(params, folder / "params.yaml", _BOTH | own)


def _sentences() -> list[tuple[str, int, str]]:
    """Return (subject, whether it is praised, sentence), 160 of them, shuffled."""
    found = [
        (subject, label, f"{opening} {subject} is {' and '.join(praise)}")
        for label, words in enumerate((_BAD, _GOOD))
        for opening, subject, praise in itertools.product(
            _OPENINGS, _SUBJECTS, (words[:2], words[2:])
        )
    ]
    random.Random(0).shuffle(found)
    return found


def _texts() -> list[dict[str, Any]]:
    return [{"text": sentence, "label": label} for _, label, sentence in _sentences()]


def _pairs() -> list[dict[str, str]]:
    return [
        {
            "instruction": f"What of {subject} {number}?",
            "input": "",
            "output": f"{sentence}, {number} times",
        }
        for number, (subject, _, sentence) in enumerate(_sentences())
    ]


def _write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def change(source: Path, target: Path, changes: Mapping[str, Any]) -> None:
    """Copy a params.yaml with dotted keys set.

    Raises:
        KeyError: a key is not there.
    """
    yaml = YAML()
    settings = yaml.load(source.read_text(encoding="utf-8"))
    for key, value in changes.items():
        *parents, last = key.split(".")
        section = settings
        for parent in parents:
            section = section[parent]
        if last not in section:
            raise KeyError(f"{source}: {key}")
        section[last] = value
    with target.open("w", encoding="utf-8") as stream:
        yaml.dump(settings, stream)
