"""The prepared data: token ids and labels of every split, in a folder.

`data.safetensors` holds the tensors, `prepared.json` the few words beside them. Both are a pure
function of what is saved: the same bytes every time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from study.entry.errors import StudyError
from study.metrics.measure import ACCURACY, CLASSIFICATION, REGRESSION, Task
from study.records import kinds
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
        found = Prepared(
            **splits,
            label_names=tuple(words["label_names"]),
            model_name=words["model_name"],
            max_length=words["max_length"],
            pad_token_id=words["pad_token_id"],
            batching=words["batching"],
            task=words.get("task", CLASSIFICATION),
            metric=words.get("metric", ACCURACY),
        )
    except (OSError, SafetensorError, LookupError, TypeError, ValueError) as error:
        said = repr(error)[:200]
        raise StudyError(f"{folder / _TENSORS}: not prepared data ({said})") from error
    if (flaw := _flaw(found)) is not None:
        raise StudyError(f"{folder / _TENSORS}: not prepared data ({flaw})")
    return found


def _flaw(data: Prepared) -> str | None:
    """Say what of prepared data `save` cannot have written; None for nothing."""
    known = data.task in get_args(Task) and data.batching in get_args(Batching)
    if not known or not kinds.names(data.label_names) or not isinstance(data.model_name, str):
        return "words that are none of its own"
    if not (kinds.count(1)(data.max_length) and kinds.count(0)(data.pad_token_id)):
        return "a max_length or pad_token_id that is no whole number"
    for name in SPLITS:
        split: Split = getattr(data, name)
        ids, lengths, labels = split.input_ids, split.lengths, split.labels
        types = ids if split.token_types is None else split.token_types
        if not ids.ndim == lengths.ndim == labels.ndim == types.ndim == 1:
            return f"{name}: tensors that are no rows"
        whole = (ids.dtype, lengths.dtype) == (torch.int32, torch.int32)
        counted = labels.dtype == (torch.float32 if data.task == REGRESSION else torch.int64)
        if not whole or not counted or len(lengths) != len(labels) or not len(labels):
            return f"{name}: tensors of other kinds or lengths"
        if len(types) != len(ids) or int(lengths.min()) < 1 or int(lengths.sum()) != len(ids):
            return f"{name}: lengths that are not those of its sentences"
        if int(ids.min()) < 0 or not bool(torch.isfinite(labels.float()).all()):
            return f"{name}: a token or label that is none"
        if data.label_names and not 0 <= int(labels.min()) <= int(labels.max()) < data.num_labels:
            return f"{name}: a label that is none of the classes"
    return None
