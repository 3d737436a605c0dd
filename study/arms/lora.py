"""The LoRA arm: the base frozen, low-rank factors and a head trained, all seeds in one pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, TypeAlias

import torch
from torch import Tensor
from transformers import PretrainedConfig, PreTrainedModel

from lora.adapter import Adapter, extract, set_run
from lora.config import LoRAConfig
from lora.inject import adapted_modules, adapter_parameters, eject, inject
from study.arms.arm import Size
from study.arms.rates import lora_rates
from study.batches import streams
from study.batches.feeds import TokenFeed
from study.entry.errors import StudyError
from study.models.dropout import no_dropout, replace_dropout
from study.models.objective import PackedModel
from study.models.offload import place
from study.models.packed import PackedClassifier, parameter_count
from study.records.prepared import Prepared
from study.settings.lora import LoraSettings
from study.settings.train import TrainSettings
from study.sources.resolve import display_name
from study.training.executors import Arm
from study.training.loop import WHOLE, Part, Run, RunResult, train
from study.training.machine import compute_dtype, training_device
from study.training.optimizer import FlatParameters
from study.training.progress import Progress

Pack: TypeAlias = Callable[[PreTrainedModel, Sequence[int]], PackedModel]
"""Makes a model read packed batches; takes the runs' seeds."""


@dataclass(frozen=True, eq=False)
class LoraArm(Arm):
    """LoRA with one configuration, as work for an executor.

    Attributes:
        pack: of the models that it loads.
        task_type: theirs, as PEFT has it.
    """

    config: LoRAConfig
    pack: ClassVar[Pack] = PackedClassifier
    task_type: ClassVar[str] = "SEQ_CLS"

    @cached_property
    def model(self) -> PreTrainedModel:
        """The frozen base."""
        return self.load(compute_dtype(self.settings.train))

    def __call__(
        self, runs: Sequence[Run], progress: Progress, part: Part = WHOLE
    ) -> list[RunResult]:
        settings = self.settings.train
        used = training_device(settings)
        configs = [self.config] * len(runs)
        return train_lora(
            *(self.model, configs, runs, self.data, settings, used, progress),
            loraplus_ratio=self.settings.lora.loraplus_ratio,
            pack=type(self).pack,
            part=part,
        )


def config_of(
    settings: LoraSettings, rank: int, model_name: str, task_type: str = "SEQ_CLS"
) -> LoRAConfig:
    """Return the adapter of one rank that the settings describe.

    `fixed` keeps alpha and so scales by alpha / r; `proportional` takes alpha * r as PEFT's
    lora_alpha and so scales by alpha; `rslora` scales by alpha / sqrt(r).

    Raises:
        StudyError: a rank that is none.
    """
    proportional = settings.scaling == "proportional"
    try:
        return LoRAConfig(
            rank=rank,
            alpha=settings.alpha * rank if proportional else settings.alpha,
            target_modules=settings.target_modules,
            layers=settings.layers,
            use_rslora=settings.scaling == "rslora",
            use_dora=settings.use_dora,
            init=settings.init,
            dropout=settings.dropout,
            base_model_name=display_name(model_name),
            task_type=task_type,
        )
    except ValueError as error:
        raise StudyError(f"lora: {error}") from error


def rates_of(
    settings: LoraSettings, config: LoRAConfig, model: PretrainedConfig
) -> tuple[float, ...]:
    """Return the learning rates that an adapter tries on a model."""
    scaled = config.scaling_of("") * config.rank
    return lora_rates(settings.learning_rates, model, scaled, settings.loraplus_ratio)


def train_lora(
    model: PreTrainedModel,
    configs: Sequence[LoRAConfig],
    runs: Sequence[Run],
    data: Prepared,
    settings: TrainSettings,
    device: torch.device,
    progress: Progress,
    *,
    loraplus_ratio: float = 1.0,
    pack: Pack = PackedClassifier,
    part: Part = WHOLE,
) -> list[RunResult]:
    """Train the factors of all runs together, and the heads where there are any.

    Args:
        model: as before afterwards, on the device, with another head.
        configs: of each run; ranks may differ, except with PiSSA.
        loraplus_ratio: see `loraplus_factor`.
        part: of the steps; see `study.training.loop.train`.

    Raises:
        StudyError: as `adapt`.
    """
    seeds = [run.seed for run in runs]
    packed = pack(model, seeds)
    adapt(model, configs, seeds)
    try:
        place(packed, device, offload=settings.offload_frozen)
        every = dict(packed.named_parameters())
        names = [f"model.{name}" for name in adapter_parameters(model)]
        heads = set(packed.head_names)
        parameters = FlatParameters(
            {name: every[name] for name in (*names, *packed.head_names)},
            len(runs),
            compute_dtype(settings),
            has_run_axis=lambda _: True,
            keep_fp32=lambda name: name in heads or is_magnitude(name),
            also_decays=is_magnitude,  # as transformers' Trainer has it
            rate_factor=loraplus_factor(loraplus_ratio),
        )
        feed = TokenFeed(data, settings.batch_size, device, pooled=no_dropout(model))
        epochs = settings.epochs_of(len(data.train), data.num_labels)
        return train(packed, parameters, runs, feed, settings, epochs, progress, part=part)
    finally:
        eject(model)


def adapt(
    model: PreTrainedModel, configs: Sequence[LoRAConfig], seeds: Sequence[int]
) -> tuple[str, ...]:
    """Inject one adapter a run; return the names of the adapted modules.

    Args:
        configs, seeds: of each run; see `lora.inject.inject` for what configurations share.

    Raises:
        StudyError: a target that matches nothing, a layer that is not there, or a rank above a
            layer's size.
    """
    generators = [streams.generator(seed, "lora_A") for seed in seeds]
    try:
        names = inject(model, configs, generators)
    except ValueError as error:
        raise StudyError(f"lora: {error}") from error
    replace_dropout(model)
    return names


@torch.no_grad()
def adapter_of(model: PreTrainedModel, config: LoRAConfig, state: dict[str, Tensor]) -> Adapter:
    """Turn what one run learned (`RunResult.state`) into an adapter of this model."""
    state = {name.removeprefix("model."): tensor for name, tensor in state.items()}
    adapt(model, [config], [0])
    try:
        for name, layer in adapted_modules(model).items():
            rank = layer.ranks[0]  # what trained beside larger ranks is padded with zeros
            A, B = state.pop(f"{name}.lora_A"), state.pop(f"{name}.lora_B")
            magnitude = state.pop(f"{name}.lora_magnitude_vector", None)
            set_run(layer, 0, A[:rank], B[:, :rank], magnitude)
        return extract(model, head=state)
    finally:
        eject(model)


def loraplus_factor(ratio: float) -> Callable[[str, torch.Size], float]:
    """Return the factor of a tensor's learning rate by its name and shape of one run.

    LoRA+ (Hayou et al. 2024, arXiv 2402.12354): `ratio` for B, 1 for A. As in PEFT and the authors'
    code, vectors (the head's biases, DoRA's magnitudes) have B's, the head's matrices A's.
    """
    return lambda name, shape: ratio if name.endswith(".lora_B") or len(shape) == 1 else 1.0


def is_magnitude(name: str) -> bool:
    """Whether a tensor, by its name, is DoRA's magnitudes, which stay fp32."""
    return name.endswith(".lora_magnitude_vector")


def size(model: PreTrainedModel, config: LoRAConfig, pack: Pack = PackedClassifier) -> Size:
    """Count a single run's adapter and head, and the model without the adapter."""
    packed = pack(model, [0])
    total = parameter_count(model)
    adapt(model, [config], [0])
    adapter = sum(p.numel() for p in adapter_parameters(model).values())
    every = dict(packed.named_parameters())
    head = sum(every[name].numel() for name in packed.head_names)
    eject(model)
    return Size(head=head, adapter=adapter, trainable=head + adapter, total=total)
