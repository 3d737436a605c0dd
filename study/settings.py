"""All settings of the study, parsed and checked once into one frozen, typed object.

`params.yaml` is the one place with values: there are no defaults here, so that what DVC tracks and
what the study runs with cannot differ. Each field carries the rule it is held to; what several
fields must satisfy together stands in `AGREEMENTS`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Protocol

from study import parsing
from study.checking import columns, flag, number, one_of, optional, several, share, whole, words
from study.parsing import Agreement
from study.yaml_core import read_yaml

Text = Annotated[str, words()]
TextOrNull = Annotated[str | None, optional(words())]
Texts = Annotated[tuple[str, ...], several(words())]
Count = Annotated[int, whole(1)]
CountOrNull = Annotated[int | None, optional(whole(1))]
TwoOrNull = Annotated[int | None, optional(whole(2))]  # what has a spread
Seed = Annotated[int, whole(0, 2**32 - 1)]
Seeds = Annotated[tuple[int, ...], several(whole(0, 2**32 - 1))]
Ranks = Annotated[tuple[int, ...], several(whole(1))]
Positive = Annotated[float, number(above=0)]
NotNegative = Annotated[float, number(0)]
Share = Annotated[float, number(0, 1)]
Dropout = Annotated[float, number(0, below=1)]
Flag = Annotated[bool, flag()]
Rates = Annotated[tuple[float, ...], several(number(above=0))]

LORA_VARIANTS = ("lora", "rslora", "lora_plus", "dora", "pissa", "qlora")
OTHER_METHODS = ("adapter", "bitfit", "ia3", "prefix")


@dataclass(frozen=True)
class ModelSettings:
    """The pretrained encoder.

    Attributes:
        name: hub id, local folder, or package:PACKAGE/path/inside (see `study.sources`).
        dropout: hidden and attention dropout while training.
    """

    name: Text
    dropout: Dropout


@dataclass(frozen=True)
class DataSettings:
    """The sentences, and how they are split.

    Attributes:
        name, test_name: hub id, local folder or file, or package:PACKAGE/path/inside. Without a
            `test_name`, test sentences are cut from the same source as the others.
        subset: configuration of a hub data set; split, test_split: split of a hub data set.
        text, label, test_text, test_label: columns; the test's are the others' unless given.
        where: (column, value) pairs; only rows that have these values are read. `subset` and
            `where` hold for `test_name` too if it is `name`, so another split of the same data.
        train_size, validation_size, test_size: sentences. None: all that are left (train), all
            of `test_name` (test).
        max_length: tokens of a sentence, special ones included; the rest is cut off.
        seed: of the split.
    """

    name: Text
    subset: TextOrNull
    split: Text
    text: Text
    label: Text
    where: Annotated[tuple[tuple[str, str | int | float | bool], ...] | None, optional(columns())]
    test_name: TextOrNull
    test_split: TextOrNull
    test_text: TextOrNull
    test_label: TextOrNull
    train_size: CountOrNull
    validation_size: Count
    test_size: TwoOrNull
    max_length: Count
    seed: Seed


@dataclass(frozen=True)
class TrainSettings:
    """Optimisation, the same in every arm: AdamW with a linear warm-up.

    Attributes:
        warmup_share: share of the steps that warm up.
        schedule: of the learning rate after that: linear or cosine, which fall to 0 at the last
            step, or constant.
        max_grad_norm: gradients of a run are clipped to this norm.
        precision: of frozen weights and activations; what is trained is always fp32.
        early_stopping: a run ends after so many epochs without a better validation; None: never.
        memory_gib: GiB; decides how many runs train together.
        gradient_accumulation_steps: pieces in which a step's batch is computed, one after the
            other; the step is the same but for rounding. A step of the head alone has one.
        activation_checkpointing: keep a layer's input alone for the backward pass, which computes
            the layer anew; results are the same to the bit.
        offload_frozen: keep frozen matrices in the CPU's memory while a GPU trains.
        executor: where groups of runs train; no result depends on it.
    """

    batch_size: Count
    epochs: Count
    warmup_share: Share
    schedule: Annotated[str, one_of("linear", "cosine", "constant")]
    weight_decay: NotNegative
    max_grad_norm: Positive
    precision: Annotated[str, one_of("bf16", "fp32")]
    device: Annotated[str, one_of("auto", "cpu", "cuda")]
    early_stopping: CountOrNull
    memory_gib: Positive
    gradient_accumulation_steps: Count
    activation_checkpointing: Flag
    offload_frozen: Flag
    executor: Annotated[str, one_of("local", "ray")]

    def decisive(self) -> TrainSettings:
        """Return what results depend on: the same for every executor."""
        return replace(self, executor="local")


@dataclass(frozen=True)
class RaySettings:
    """The cluster of `train.executor: ray`, and what each task, a group of runs, asks it for.

    Attributes:
        address: HOST:PORT, ray://HOST:PORT, "auto" (one that runs on this machine) or "local" (one
            started for the stage). None: the environment's RAY_ADDRESS if it is set, else local.
        cpus: None for as many as the stage has threads.
        gpus: a share of one, or whole ones.
        retries: how often a group whose worker died is trained again.
    """

    address: TextOrNull
    cpus: Annotated[float | None, optional(number(0))]
    gpus: Annotated[float, share()]
    retries: Annotated[int, whole(0)]


@dataclass(frozen=True)
class HeadOnlySettings:
    """The arm that trains nothing but the classification head."""

    epochs: Count
    learning_rates: Rates


@dataclass(frozen=True)
class FullSettings:
    """The arm that trains every parameter."""

    learning_rates: Rates


@dataclass(frozen=True)
class LoraSettings:
    """The arm that trains low-rank updates (Hu et al. 2021, arXiv 2106.09685).

    Attributes:
        ranks: of the sweep; rank: the one that the headline is about, in the sweep or not.
        alpha, scaling: the update is s B A with s = alpha/rank (fixed), alpha (proportional: PEFT's
            lora_alpha is alpha times rank) or alpha/sqrt(rank) (rslora).
        target_modules: names or patterns of the modules that are adapted.
        layers: indices of the layers that are adapted, None for all.
        use_dora: learn each output's magnitude apart from its direction (Liu et al. 2024, arXiv
            2402.09353).
        init: default (A random, B zero) or pissa (A and B from the top singular triplets of the
            frozen weight, which keeps the rest: Meng et al. 2024, arXiv 2404.02948).
        loraplus_ratio: B's learning rate over A's (LoRA+: Hayou et al. 2024, arXiv 2402.12354).
    """

    ranks: Ranks
    rank: Count
    alpha: Positive
    scaling: Annotated[str, one_of("fixed", "proportional", "rslora")]
    dropout: Dropout
    target_modules: Texts
    layers: Annotated[tuple[int, ...] | None, optional(several(whole(0)))]
    use_dora: Flag
    init: Annotated[str, one_of("default", "pissa")]
    loraplus_ratio: Annotated[float, number(1)]
    learning_rates: Rates


class SweepSettings(Protocol):
    """What training LoRA at one rank asks of any study's settings."""

    @property
    def seeds(self) -> tuple[int, ...]:
        """One run per learning rate and seed."""

    @property
    def model(self) -> ModelSettings:
        """The pretrained model."""

    @property
    def train(self) -> TrainSettings:
        """Optimisation."""

    @property
    def ray(self) -> RaySettings:
        """The cluster, if there is one."""

    @property
    def lora(self) -> LoraSettings:
        """The adapters."""


@dataclass(frozen=True)
class TheorySettings:
    """The linear study: y = W* x + e, learned as W0 + s B A from a finite sample.

    Attributes:
        out_features, in_features: shape of W*, W0 and their difference.
        true_rank: of W* - W0, None for the full one; decay: ratio of each of its singular values
            to the one before.
        condition_number: largest over smallest eigenvalue of the anisotropic input covariance.
        samples: rows per seed; noise: standard deviation of each component of e.
        seeds: of the samples and of A's initial values.
        ranks: those that are trained.
        alpha: of the three scalings that are compared, which agree at rank 1.
        steps: of that comparison; sgd_learning_rate, adam_learning_rate: one for all of it.
    """

    out_features: Count
    in_features: Count
    true_rank: CountOrNull
    decay: Annotated[float, number(maximum=1, above=0)]
    condition_number: Annotated[float, number(1)]
    samples: Count
    noise: Positive
    seeds: Seeds
    ranks: Ranks
    alpha: Positive
    steps: Count
    sgd_learning_rate: Positive
    adam_learning_rate: Positive


@dataclass(frozen=True)
class StatisticsSettings:
    """How sure the study is: intervals, and tests of equivalence.

    Attributes:
        confidence: of intervals; 1 - confidence is the error rate of tests.
        resamples, seed: of the bootstrap over seeds and test sentences crossed.
        margins: points of accuracy within which a rank counts as equivalent to full fine-tuning.
        power: chance of a clear answer at which the seeds that it takes are counted.
    """

    confidence: Annotated[float, number(above=0, below=1)]
    resamples: Annotated[int, whole(10)]
    seed: Seed
    margins: Annotated[tuple[float, ...], several(number(above=0, below=100))]
    power: Annotated[float, number(above=0, below=1)]


@dataclass(frozen=True)
class CapacitySettings:
    """Full fine-tuning's update, truncated to every rank.

    Attributes:
        covariance_sentences: of train, whose layer inputs weigh the truncation; None for all.
    """

    covariance_sentences: CountOrNull


@dataclass(frozen=True)
class SpectraSettings:
    """Singular values and vectors of the updates.

    Attributes:
        energy: share of an update's squared norm that the energy rule asks for.
        intruder_cosine: a singular vector of a tuned matrix is an intruder if its absolute cosine
            with every one of the pretrained matrix is below this.
        gradient_sentences: of train, whose gradient at the start is read; None for all.
    """

    energy: Annotated[float, number(above=0, below=1)]
    intruder_cosine: Annotated[float, number(above=0, below=1)]
    gradient_sentences: CountOrNull


@dataclass(frozen=True)
class CostSettings:
    """Measurements of speed and memory.

    Attributes:
        sentences: of test, classified and trained on in each measurement; None for all.
        repeats: measurements, of which the median is taken.
    """

    sentences: CountOrNull
    repeats: Count


@dataclass(frozen=True)
class MethodSettings:
    """One method of the comparison."""

    learning_rates: Rates


@dataclass(frozen=True)
class LoraPlusSettings(MethodSettings):
    """LoRA with a higher learning rate for B; `ratio`: over A's."""

    ratio: Annotated[float, number(1)]


@dataclass(frozen=True)
class AdapterSettings(MethodSettings):
    """Bottleneck adapters; `width`: of the bottleneck."""

    width: Count


@dataclass(frozen=True)
class PrefixSettings(MethodSettings):
    """Prefix tuning; `virtual_tokens`: keys and values before each layer's own."""

    virtual_tokens: Count


@dataclass(frozen=True)
class MethodsSettings:
    """The comparison of methods (`methods/dvc.yaml`).

    Attributes:
        lora_variants: LoRA with one thing changed; others: methods that are not LoRA.
        rank: of all variants. Everything else of theirs is the section `lora`'s, plain: without
            DoRA, PiSSA, LoRA+ and rsLoRA, but for the one that the variant is about.
    """

    lora_variants: Annotated[tuple[str, ...], several(one_of(*LORA_VARIANTS))]
    others: Annotated[tuple[str, ...], several(one_of(*OTHER_METHODS))]
    rank: Count
    lora: MethodSettings
    rslora: MethodSettings
    lora_plus: LoraPlusSettings
    dora: MethodSettings
    pissa: MethodSettings
    qlora: MethodSettings
    adapter: AdapterSettings
    bitfit: MethodSettings
    ia3: MethodSettings
    prefix: PrefixSettings


@dataclass(frozen=True)
class SourceSettings:
    """Sentences beside the study's own.

    Attributes:
        name, subset, split, text, where: as in `DataSettings`.
        label: column of the class; None where there is none, or it is none of the study's.
    """

    name: Text
    subset: TextOrNull
    split: Text
    text: Text
    label: TextOrNull
    where: Annotated[tuple[tuple[str, str | int | float | bool], ...] | None, optional(columns())]


@dataclass(frozen=True)
class DriftSettings:
    """How far tuned models are from the pretrained one on general text (`drift/dvc.yaml`).

    Attributes:
        source: of the text; sentences: drawn from it.
    """

    source: SourceSettings
    sentences: Count


@dataclass(frozen=True)
class StackingSettings:
    """The headline's adapter and one of another task, added (`stacking/dvc.yaml`).

    Attributes:
        source: of the other task, which has the same classes.
        train_size, validation_size: sentences of the other task; test_size: of either.
        weights: of either adapter, in every combination.
        selections: parts of the model in each of which alone the other task's update is added:
            endings of adapted modules' names, "lower" or "upper" for that half of the layers.
    """

    source: SourceSettings
    train_size: Count
    validation_size: Count
    test_size: Count
    weights: Annotated[tuple[float, ...], several(number(above=0))]
    selections: Texts


@dataclass(frozen=True)
class Settings:
    """Everything that can be set; `seeds` holds one run per arm, learning rate and seed."""

    seeds: Seeds
    model: ModelSettings
    data: DataSettings
    train: TrainSettings
    ray: RaySettings
    head_only: HeadOnlySettings
    full: FullSettings
    lora: LoraSettings
    theory: TheorySettings
    statistics: StatisticsSettings
    capacity: CapacitySettings
    spectra: SpectraSettings
    cost: CostSettings
    methods: MethodsSettings
    drift: DriftSettings
    stacking: StackingSettings


AGREEMENTS = (
    Agreement(
        ("data.test_size", "data.test_name"),
        lambda size, name: size is not None or name is not None,
        "null (all of it) only together with a test_name",
    ),
    *(
        Agreement(
            (f"data.{key}", "data.test_name"),
            lambda value, name: value is None or name is not None,
            "a value only together with a test_name",
        )
        for key in ("test_split", "test_text", "test_label")
    ),
    Agreement(
        ("data.test_name", "data.name", "data.test_split", "data.split"),
        lambda test, name, test_split, split: test != name or test_split not in (None, split),
        "a test_name other than name, or another test_split of it",
    ),
    Agreement(
        ("theory.ranks", "theory.out_features", "theory.in_features"),
        lambda ranks, rows, columns: max(ranks) <= min(rows, columns),
        "ranks of at most the smaller of out_features and in_features",
    ),
    Agreement(
        ("theory.true_rank", "theory.out_features", "theory.in_features"),
        lambda rank, rows, columns: rank is None or rank <= min(rows, columns),
        "a true_rank of at most the smaller of out_features and in_features",
    ),
    Agreement(
        ("theory.samples", "theory.in_features"),
        lambda samples, columns: samples >= columns + 2,
        "at least in_features + 2 samples: with fewer, least squares has no finite risk",
    ),
    Agreement(
        ("stacking.source.label",),
        lambda label: label is not None,
        "a column: the other task is trained on",
    ),
)


def load(path: str | Path = "params.yaml") -> Settings:
    """Read and check the settings.

    Raises:
        StudyError: the file cannot be read, or settings are unknown, missing or wrong; every one
            of them is named with its dotted key, its value and what is allowed.
    """
    return parse(read_yaml(path), str(path))


def parse(raw: object, origin: str = "settings") -> Settings:
    """Turn parsed YAML into settings; `origin` names them in errors.

    Raises:
        StudyError: as `load`.
    """
    return parsing.parse(Settings, raw, AGREEMENTS, origin)


def leaves() -> tuple[str, ...]:
    """Return the dotted key of every setting, in the order of the file."""
    return parsing.leaves(Settings)
