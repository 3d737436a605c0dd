"""The prepared data: token ids and labels of every split, in a folder.

`data.safetensors` holds the tensors, `prepared.json` the few words beside them. Both are a pure
function of what is saved: the same bytes every time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from study.entry.errors import StudyError
from study.metrics.measure import ACCURACY, CLASSIFICATION, REGRESSION, Task
from study.records.json_file import read_json, write_json

SPLITS = ("train", "validation", "test")
Batching: TypeAlias = Literal["shared", "packed", "padded", "separate"]
"""How a model computes a batch: sentences end to end, as padded rows, or as those run by run.

"shared": end to end, and beginnings that a language model's pairs have in common once.
"""
PACKED: tuple[Batching, ...] = ("shared", "packed")
"""The ways that lay sentences end to end."""
_TENSORS = "data.safetensors"
_WORDS = "prepared.json"


@dataclass(frozen=True, eq=False)
class Split:
    """Tokenised sentences and their labels.

    Attributes:
        input_ids: int32 [tokens], sentences end to end without padding, special tokens included.
        lengths: int32 [sentences], in tokens; each at least 1.
        labels: int64 [sentences], from 0 to the number of classes less 1; of a regression fp32.
        token_types: int8 [tokens], which of two texts a token is of, as the tokenizer numbers them;
            None: 0 throughout, or the model asks for none.
    """

    input_ids: Tensor
    lengths: Tensor
    labels: Tensor
    token_types: Tensor | None = None

    def __len__(self) -> int:
        """Return the number of sentences."""
        return self.labels.numel()

    @property
    def offsets(self) -> Tensor:
        """int64 [sentences + 1]: sentence i is `input_ids[offsets[i]:offsets[i + 1]]`."""
        return torch.nn.functional.pad(self.lengths.long().cumsum(0), (1, 0))

    def first(self, count: int | None) -> Split:
        """Return the first `count` sentences, which stand in random order; None for all."""
        if count is None or count >= len(self):
            return self
        end = int(self.offsets[count])
        types = None if self.token_types is None else self.token_types[:end]
        return Split(self.input_ids[:end], self.lengths[:count], self.labels[:count], types)

    def chosen(self, numbers: Tensor) -> Split:
        """Return the sentences with these numbers (m,), at least one, in this order."""
        lengths = self.lengths.tolist()

        def taken(tokens: Tensor) -> Tensor:
            rows = tokens.split(lengths)
            return torch.cat([rows[i] for i in numbers.tolist()])

        types = None if self.token_types is None else taken(self.token_types)
        return Split(taken(self.input_ids), self.lengths[numbers], self.labels[numbers], types)

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors that there are, by the names that they are saved under."""
        every = {name: getattr(self, name) for name in Split.__dataclass_fields__}
        return {name: tensor.contiguous() for name, tensor in every.items() if tensor is not None}

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor], prefix: str = "") -> Split:
        """Return the sentences of tensors that `tensors` gave.

        Args:
            prefix: before each name.

        Raises:
            KeyError: one is missing.
        """
        ids, lengths, labels = (tensors[prefix + n] for n in ("input_ids", "lengths", "labels"))
        return cls(ids, lengths, labels, tensors.get(f"{prefix}token_types"))


@dataclass(frozen=True, eq=False)
class Prepared:
    """All that training needs of the data.

    Attributes:
        label_names: of class 0, 1, ...; none of a regression.
        model_name: display name of the model whose tokenizer made the ids.
        max_length: no sentence is longer, in tokens.
        pad_token_id: of that tokenizer; if it has none, the model's, or the end token's, or 0.
        batching: how the model computes, as stage check found that it can.
        task: what is learned: classes, or a number.
        metric: by which epochs, rates and arms are compared (`study.metrics.measure`).
    """

    train: Split
    validation: Split
    test: Split
    label_names: tuple[str, ...]
    model_name: str
    max_length: int
    pad_token_id: int
    batching: Batching = "packed"
    task: Task = CLASSIFICATION
    metric: str = ACCURACY

    @property
    def num_labels(self) -> int:
        """Return the number of a model's outputs: of classes, or one number."""
        return 1 if self.task == REGRESSION else len(self.label_names)


def save(prepared: Prepared, folder: str | Path) -> None:
    """Write the prepared data into `folder`, which is made if need be."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        f"{name}.{field}": tensor
        for name in SPLITS
        for field, tensor in getattr(prepared, name).tensors().items()
    }
    save_file(tensors, folder / _TENSORS)
    words = {
        "model_name": prepared.model_name,
        "max_length": prepared.max_length,
        "pad_token_id": prepared.pad_token_id,
        "batching": prepared.batching,
        "label_names": list(prepared.label_names),
    }
    for field in ("task", "metric"):  # said where they are not what they are by default
        if getattr(prepared, field) != Prepared.__dataclass_fields__[field].default:
            words[field] = getattr(prepared, field)
    write_json(folder / _WORDS, words)


def load(folder: str | Path) -> Prepared:
    """Read what `save` wrote.

    Raises:
        StudyError: a file is missing or is not what `save` writes; it is named.
    """
    folder = Path(folder)
    words = read_json(folder / _WORDS)
    try:
        tensors = load_file(folder / _TENSORS)
        splits = {name: Split.of(tensors, f"{name}.") for name in SPLITS}
        return Prepared(
            **splits,
            label_names=tuple(words["label_names"]),
            model_name=words["model_name"],
            max_length=words["max_length"],
            pad_token_id=words["pad_token_id"],
            batching=words["batching"],
            task=words.get("task", CLASSIFICATION),
            metric=words.get("metric", ACCURACY),
        )
    except (OSError, SafetensorError, KeyError, TypeError) as error:
        raise StudyError(f"{folder / _TENSORS}: not prepared data ({error!r})") from error
