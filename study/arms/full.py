"""The full fine-tuning arm: every parameter, one run at a time.

The weights of one run fill the machine by themselves, so runs do not share a pass. What is trained
is fp32 throughout; the matrices are cast to the dtype of computing once a step, while embeddings
stay fp32, because their gradients add up many rows of the same token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle
from transformers import PreTrainedModel

from study.arms.arm import Size
from study.batches.feeds import TokenFeed
from study.models.dropout import no_dropout
from study.models.objective import problem_type
from study.models.packed import PackedClassifier, other_names, parameter_count
from study.models.pretrained import batching_of
from study.records.prepared import SPLITS, Prepared, Split
from study.settings.train import TrainSettings
from study.sources.configs import vocabulary
from study.training.executors import Arm
from study.training.loop import WHOLE, Part, Run, RunResult, train
from study.training.machine import compute_dtype, training_device
from study.training.optimizer import FlatParameters
from study.training.progress import Progress


@dataclass(frozen=True, eq=False)
class FullArm(Arm):
    """Full fine-tuning, as work for an executor.

    Attributes:
        keep_epochs: by seed, the epoch whose model is kept; None: the best on validation.
    """

    keep_epochs: Mapping[int, int] | None = None

    @cached_property
    def model(self) -> PreTrainedModel:
        """The model in fp32; training the first group trims its embedding."""
        return self.load(torch.float32)

    @cached_property
    def trimmed(self) -> Prepared:
        """The data with the ids of the trimmed embedding."""
        return trim_embedding(self.model, self.data)

    def __call__(
        self, runs: Sequence[Run], progress: Progress, part: Part = WHOLE
    ) -> list[RunResult]:
        settings = self.settings.train
        used = training_device(settings)
        keep = None if self.keep_epochs is None else [self.keep_epochs[run.seed] for run in runs]
        return train_full(
            *(self.model, runs, self.trimmed, settings, used, progress),
            keep_epochs=keep,
            part=part,
        )


def trim_embedding(model: PreTrainedModel, data: Prepared) -> Prepared:
    """Keep only the rows of the token embedding that the data uses, and renumber its ids.

    Rows of other tokens get no gradient, so that predictions are the same without them, while the
    optimiser has a third less to do on the default study. The model's own table is replaced. Where
    something else of the model reads ids, or an embedding does more than look up, all is left.
    """
    used = ids_in_use(data)
    old = model.get_input_embeddings()
    if batching_of(model) != "packed" or _readers_of_ids(model) != [old]:
        return data
    if data.train.token_types is not None and not getattr(model.config, "type_vocab_size", 0):
        return data  # GPT-2 looks token types up among the words
    new = nn.Embedding.from_pretrained(old.weight.detach()[used.long()].clone(), freeze=True)
    model.set_input_embeddings(new)

    def renumber(ids: Tensor) -> Tensor:
        return torch.searchsorted(used, ids).to(torch.int32)

    def trimmed(split: Split) -> Split:
        return replace(split, input_ids=renumber(split.input_ids))

    return replace(
        data,
        train=trimmed(data.train),
        validation=trimmed(data.validation),
        test=trimmed(data.test),
        pad_token_id=int(renumber(torch.tensor([data.pad_token_id]))),
    )


def _readers_of_ids(model: PreTrainedModel) -> list[nn.Module]:
    """Return the tables that are about as long as the vocabulary; none if one is not plain."""
    least = 0.9 * (vocabulary(model.config) or 0)
    tables: list[nn.Module] = [
        module
        for name, module in model.named_modules()
        if isinstance(module, nn.Embedding)
        and module.num_embeddings >= least
        and "position" not in name.rpartition(".")[2]
    ]
    return tables if all(type(table) is nn.Embedding for table in tables) else []


def ids_in_use(data: Prepared) -> Tensor:
    """Return the token ids that any sentence uses, and padding's, ascending, int32."""
    pad = torch.tensor([data.pad_token_id], dtype=torch.int32)
    splits: list[Split] = [getattr(data, name) for name in SPLITS]
    used: Tensor = torch.cat([pad, *(split.input_ids for split in splits)]).unique()
    return used


def train_full(
    model: PreTrainedModel,
    runs: Sequence[Run],
    data: Prepared,
    settings: TrainSettings,
    device: torch.device,
    progress: Progress,
    *,
    keep_epochs: Sequence[int] | None = None,
    part: Part = WHOLE,
) -> list[RunResult]:
    """Train every parameter of the model for one run. The model's own weights do not change.

    Args:
        model: fp32.
        runs: exactly one.
        keep_epochs, part: see `study.training.loop.train`.
    """
    (run,) = runs
    classifier = PackedClassifier(model, [run.seed]).to(device)
    parameters, hooks = all_parameters(classifier, compute_dtype(settings))
    feed = TokenFeed(data, settings.batch_size, device, pooled=no_dropout(model))
    try:
        epochs = settings.epochs_of(len(data.train), data.num_labels)
        return train(
            *(classifier, parameters, [run], feed, settings, epochs, progress),
            keep_epochs=keep_epochs,
            part=part,
        )
    finally:
        for hook in hooks:
            hook.remove()


def all_parameters(
    classifier: PackedClassifier, dtype: torch.dtype
) -> tuple[FlatParameters, list[RemovableHandle]]:
    """Return every parameter of a classifier of one run, in fp32, to be computed with in `dtype`.

    Embeddings and head stay fp32; hooks, returned too, cast what embeddings give.
    """
    tables = classifier.embeddings()
    hooks = [table.register_forward_hook(_cast_output(dtype)) for table in tables.values()]
    heads, in_head = set(classifier.head_names), set(classifier.head_parts)
    parameters = FlatParameters(
        dict(classifier.named_parameters()),
        1,
        dtype,
        has_run_axis=heads.__contains__,
        keep_fp32=lambda name: name in in_head or name.removesuffix(".weight") in tables,
        other_names=other_names(classifier),  # T5's and BART's encoder and decoder share a table
    )
    return parameters, hooks


def save_tuned(arm: FullArm, results: Sequence[RunResult], folder: Path) -> None:
    """Write each run's model as an ordinary Hugging Face folder, fp32, under s{seed}/.

    Rows of the embedding that training left out (`trim_embedding`) are the pretrained ones, as they
    would be had they taken part.
    """
    model = arm.load(torch.float32)  # anew: the arm's own has lost those rows
    table = next(
        f"{name}.weight"
        for name, module in model.named_modules()
        if module is model.get_input_embeddings()
    )
    used = ids_in_use(arm.data).long()
    whole = model.get_input_embeddings().weight.shape[0]
    config = model.config
    config.architectures = [type(model).__name__]
    if arm.data.label_names:
        config.id2label = dict(enumerate(arm.data.label_names))
        config.label2id = {label: i for i, label in config.id2label.items()}
    config.problem_type = problem_type(arm.data.task)  # whatever the base was tuned for
    shared = other_names(model)
    for result in results:
        tensors = {
            name: tensor.detach()
            for name, tensor in model.state_dict().items()
            if name not in shared  # transformers ties them again
        }
        for name, tensor in result.state.items():
            name = name.removeprefix("model.")
            if name == table and len(tensor) < whole:
                tensors[name] = tensors[name].index_copy(0, used, tensor)
            else:
                tensors[name] = tensor
        target = folder / f"s{result.run.seed}"
        target.mkdir(parents=True, exist_ok=True)
        tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
        save_file(tensors, target / "model.safetensors", metadata={"format": "pt"})
        config.save_pretrained(target)


def size(model: PreTrainedModel) -> Size:
    """Count a single run's head and the whole model, all of which is trained."""
    classifier = PackedClassifier(model, seeds=[0])
    every = dict(classifier.named_parameters())
    head = sum(every[name].numel() for name in classifier.head_names)
    total = parameter_count(model)
    return Size(head=head, adapter=0, trainable=total, total=total)


def _cast_output(dtype: torch.dtype) -> Any:
    def hook(_: nn.Module, __: tuple[Any, ...], output: Tensor) -> Tensor:
        return output.to(dtype)

    return hook
