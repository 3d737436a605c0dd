"""Full fine-tuning of a causal language model: every parameter, one run at a time.

No weights are kept: one run has as many as the model, and nothing that follows needs them. Where
text is to be written, the first seed's model writes it before it is dropped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle
from transformers import PreTrainedModel

from study.arms.rates import full_rates
from study.batches.feeds import TokenFeed
from study.models.causal import load_causal_for
from study.models.dropout import no_dropout
from study.models.packed import other_names, parameter_count
from study.records.arm_names import FULL
from study.records.prepared import Prepared
from study.studies.instruct.training.generation import answers, load_generating
from study.studies.instruct.training.memory import give_back_large
from study.studies.instruct.training.operations import TRAINED, epoch_operations
from study.studies.instruct.training.records import TunedRecord
from study.studies.instruct.training.search import decisive, searched
from study.studies.instruct.training.tuned_model import TunedCausalLM
from study.training.checkpoints import Checkpoints
from study.training.executors import Arm
from study.training.loop import WHOLE, Part, Run, RunResult, train
from study.training.machine import compute_dtype, device, training_device
from study.training.optimizer import FlatParameters
from study.training.progress import Progress

if TYPE_CHECKING:
    from study.studies.instruct.settings.whole import InstructSettings


@dataclass(frozen=True, eq=False)
class CausalFullArm(Arm):
    """Full fine-tuning of a language model, as work for an executor.

    Attributes:
        keep_seed: the seed whose tuned weights are kept in its results; None: of no seed. Those of
            one run are as many as the model's.
    """

    keep_seed: int | None = None

    @cached_property
    def model(self) -> PreTrainedModel:
        """The model in fp32, which training does not change."""
        return self.load(torch.float32)

    @cached_property
    def folder(self) -> TemporaryDirectory[str]:
        """Where the model's weights are while a run has its own."""
        return TemporaryDirectory()

    def load(self, dtype: torch.dtype) -> PreTrainedModel:
        """Load the settings' model with its output layer, and hold memory for runs of it."""
        give_back_large()
        model, used = self.settings.model, device(self.settings.train)
        return load_causal_for(self.data, model.name, dtype, model.dropout, used)

    def __call__(
        self, runs: Sequence[Run], progress: Progress, part: Part = WHOLE
    ) -> list[RunResult]:
        (run,) = runs
        settings = self.settings.train
        used = training_device(settings)
        tuned = TunedCausalLM(self.model, [run.seed]).to(used)
        parameters, hooks = all_parameters(tuned, compute_dtype(settings))
        feed = TokenFeed(self.data, settings.batch_size, used, pooled=no_dropout(self.model))
        epochs = settings.epochs_of(len(self.data.train), 1)
        try:
            with set_aside(self.model, Path(self.folder.name) / "weights.safetensors"):
                given = (tuned, parameters, runs, feed, settings, epochs, progress)
                results = train(*given, part=part)
        finally:
            for hook in hooks:
                hook.remove()
        if run.seed == self.keep_seed or results[0].paused_at is not None:
            return results
        return [replace(result, state={}) for result in results]


def train_full(
    settings: InstructSettings, data: Prepared, stage: str
) -> tuple[TunedRecord, Checkpoints]:
    """Train every parameter on the response tokens of the pairs.

    Args:
        stage: names the checkpoints.

    Returns:
        the record of all runs, and the checkpoints, to be discarded once it is written.

    Raises:
        StudyError: the executor is not to be had, the model cannot be loaded, or a run's loss was
            not finite.
    """
    seed, writes = settings.seeds[0], settings.generation.metric is not None
    arm = CausalFullArm(settings, data, seed if writes else None)
    config, total = arm.model.config, parameter_count(arm.model)
    checkpoints = Checkpoints(stage, (*decisive(settings), FULL, arm.keep_seed), data)
    rates = full_rates(settings.full.learning_rates, config)
    found = searched(FULL, (FULL, None), rates, settings, 1, arm, checkpoints)
    written = None
    if writes:
        model = load_generating(settings.model.name, settings.train, data)
        load_weights(model, found.of(seed).state)
        written = answers(model, data, settings.train)
    operations = epoch_operations(arm.model, data.train, lambda _: None, TRAINED)
    record = found.record(settings.train, data, total, total, operations, written)
    return record, checkpoints


@contextmanager
def set_aside(model: PreTrainedModel, file: Path) -> Iterator[None]:
    """Have a model's weights in a file for as long as the block lasts, and not in memory.

    A run computes with its own weights; the pretrained ones beside them would be a tenth of what it
    takes.
    """
    own = dict(model.named_parameters())
    if not file.exists():
        save_file({name: weight.detach() for name, weight in own.items()}, file)
    for weight in own.values():
        weight.data = weight.new_empty(0)
    try:
        yield
    finally:
        kept = load_file(file)
        for name, weight in own.items():
            weight.data = kept[name].to(weight.device)


@torch.no_grad()
def load_weights(model: PreTrainedModel, state: Mapping[str, Tensor]) -> None:
    """Give a model what a run learned (`RunResult.state`), in the model's dtype."""
    own = dict(model.named_parameters())
    for name, tensor in state.items():
        own[name.removeprefix("model.")].copy_(tensor)


def all_parameters(
    tuned: TunedCausalLM, dtype: torch.dtype
) -> tuple[FlatParameters, list[RemovableHandle]]:
    """Return every parameter of a model in fp32, to be computed with in `dtype`.

    Tables of embeddings stay fp32; hooks, returned too, cast what they give.
    """

    def cast(_: nn.Module, __: object, output: Tensor) -> Tensor:
        return output.to(dtype)

    tables = {name: m for name, m in tuned.named_modules() if isinstance(m, nn.Embedding)}
    hooks = [table.register_forward_hook(cast) for table in tables.values()]
    parameters = FlatParameters(
        dict(tuned.named_parameters()),
        1,
        dtype,
        has_run_axis=lambda _: False,
        keep_fp32=lambda name: name.removesuffix(".weight") in tables,
        other_names=other_names(tuned),
    )
    return parameters, hooks
