"""How a model's batches are to be computed: packed where that is what the model computes itself.

Packed sentences share one row, which only a model whose tokens mix in attention alone allows, and
attention is this study's own. So a handful of sentences of all lengths goes through the model as
transformers alone computes it, padded, and then through the study's passes, at one run and at two,
with adapters; logits and the adapters' gradients must be equal to rounding. The first way that
passes is taken: packed with shared beginnings (language models), packed, padded, padded with one
run at a time. A model that passes none is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module
from transformers import PreTrainedModel

from lora.config import LoRAConfig
from lora.inject import adapted_modules, eject, is_adapted
from study.arms.lora import adapt
from study.batches.beginnings import pack_as
from study.batches.packing import BLOCKS, pack
from study.data.tokenising import Tokenizer
from study.entry.errors import StudyError
from study.feasibility import trial
from study.feasibility.own_pass import Classifying, Continuing, Task, own, own_outputs
from study.feasibility.trial import Outcome
from study.models.objective import PackedModel
from study.records.prepared import PACKED, Batching, Split
from study.sources.gguf import parsed_once
from study.sources.resolve import display_name, pretrained
from study.words.batches import BATCHES

LOGITS, GRADIENTS = 2e-5, 1e-4
"""How far logits may be apart, of the largest (or of 1), and gradients, of the largest; fp32."""
ROUNDING = 10
"""Where the model itself differs from one batch to another: how many times as far they may be."""
MOST = 5.0
"""And no more than so many times as far as a model that differs by nothing may be."""
PADDED = 2e-4
"""How far padding may move the model's own logits: more is no rounding, in fp32."""
_FAULTS = (
    *(StudyError, ValueError, TypeError, RuntimeError, AttributeError, AssertionError),
    *(LookupError, NotImplementedError, ArithmeticError),
)


@dataclass(frozen=True)
class Choice:
    """How batches are to be computed.

    Attributes:
        batching: the way.
        why: in words, for people.
    """

    batching: Batching
    why: str


def choose_batching(
    name: str,
    max_length: int,
    config: LoRAConfig | None = None,
    dropout: float = 0.0,
    *,
    pairs: bool = False,
) -> Choice:
    """Choose for a classifier.

    Args:
        name: as in `model.name`.
        config: whose modules are adapted; None: every linear layer.
        dropout: of hidden states and attention while training.
        pairs: whether it reads pairs of texts.

    Raises:
        StudyError: the model cannot be computed as transformers computes it, or not at all.
    """
    return _choose(Classifying(pairs=pairs), name, max_length, config, dropout)


def choose_causal_batching(
    name: str, max_length: int, config: LoRAConfig | None = None, dropout: float = 0.0
) -> Choice:
    """Choose for a causal language model; see `choose_batching`."""
    return _choose(Continuing(), name, max_length, config, dropout)


def _choose(
    task: Task, name: str, max_length: int, config: LoRAConfig | None, dropout: float
) -> Choice:
    with parsed_once(pretrained(name)[1]):
        return _chosen(task, name, max_length, config, dropout)


def _chosen(
    task: Task, name: str, max_length: int, config: LoRAConfig | None, dropout: float
) -> Choice:
    tokenizer = Tokenizer(name, max_length, pairs=task.pairs)
    split = task.sentences(tokenizer)
    pad = tokenizer.pad_token_id
    truths, used, rounding = _truths(task, name, max_length, pad, split, config)
    reasons: list[str] = []
    for way in task.ways:
        fault, apart = _tried(task, name, max_length, way, pad, split, used, truths, rounding)
        if fault is None and way in PACKED and dropout > 0:
            model = task.load(name, max_length, way, pad, dropout)
            fault = _drawn_elsewhere(task.studied(model, 1), split, pad)
        if fault is None:
            equal = f"as transformers computes it (logits differ by {apart:.0e} of the largest)"
            reasons = [f"{BATCHES[way]}, {equal}", *reasons]
            return Choice(way, "; ".join(reasons))
        if way == "packed":  # what cannot be packed cannot be shared: once is enough said
            reasons.clear()
        reasons.append(f"not {way}: {fault}")
    raise StudyError(
        f"model.name: {display_name(name)!r} is not computed here as transformers computes it: "
        + "; ".join(reasons)
    )


def _truths(
    task: Task, name: str, max_length: int, pad: int, split: Split, config: LoRAConfig | None
) -> tuple[list[Outcome], LoRAConfig, float]:
    """Return what the model itself gives for each run, the adapter, and how far it differs itself.

    Raises:
        StudyError: it gives nothing, or something else for another padding.
    """
    try:
        model = task.plain(name, max_length, pad)
        base = model.base_model_prefix
        linear = LoRAConfig(2, 4.0, trial.all_linear(model, base)) if config is None else config
        used = trial.config_like(linear)
        adapt(model, [used], [0])
        with trial.calls(model) as called:
            truths = [own(task, model, split, seed) for seed in range(trial.RUNS)]
        _refuse_uncalled(model, called)
        with torch.no_grad():  # with the last run's numbers, which the model has now
            alone = [
                own_outputs(task, model, split.chosen(torch.tensor([i]))) for i in range(len(split))
            ]
    except StudyError:
        raise
    except _FAULTS as error:
        raise StudyError(
            f"model.name: {display_name(name)!r} cannot be computed by transformers itself: "
            f"{_first_line(error)}"
        ) from error
    moved = _apart(torch.cat(alone), truths[-1].outputs)
    if moved > PADDED:
        raise StudyError(
            f"model.name: {display_name(name)!r} gives a sentence other logits when others in its "
            f"batch are longer (by {moved:.2g} of the largest): its results would depend on which "
            "sentences meet in a batch"
        )
    return truths, used, moved


def _refuse_uncalled(model: Module, called: set[str]) -> None:
    """Refuse adapters on layers whose weight the model multiplies by itself, as routers' are.

    An expert that no token was sent to is not called either.
    """
    left = [n for n in adapted_modules(model) if n not in called and "expert" not in n]
    if left:
        raise StudyError(
            f"lora.target_modules: {left[0]} (of {len(left)} such modules) is never called when "
            "text is read: it belongs to a part that reads something else, or the model multiplies "
            "by its weight itself. An adapter there would change nothing; name other modules, such "
            "as glob:*language_model*"
        )


def _tried(
    task: Task,
    name: str,
    max_length: int,
    way: Batching,
    pad: int,
    split: Split,
    config: LoRAConfig,
    truths: list[Outcome],
    rounding: float,
) -> tuple[str | None, float]:
    """Return what is wrong with a way to compute, in words, and how far logits were off.

    Raises:
        StudyError: the model computes otherwise in training, whichever the way.
    """
    allowed = min(max(1.0, ROUNDING * rounding / LOGITS), MOST)
    furthest = 0.0
    model: PreTrainedModel | None = None
    for runs in (1, trial.RUNS):
        together = "" if runs == 1 else " with two runs"
        try:
            if model is None:
                model = task.load(name, max_length, way, pad)
            packed = task.studied(model, runs)
            outcomes = _outcomes(task, packed, config, split, pad, runs, way)
        except StudyError as error:
            return _cannot(_first_line(error)), furthest
        except _FAULTS as error:
            return f"it takes no such rows ({type(error).__name__}: {_first_line(error)})", furthest
        for truth, outcome in zip(truths, outcomes, strict=False):
            apart = _apart(outcome.outputs, truth.outputs)
            furthest = max(furthest, apart)
            if not apart <= LOGITS * allowed:
                return f"logits{together} {apart:.1g} off", furthest
            apart = _gradients_apart(outcome, truth)
            if not apart <= GRADIENTS * allowed:
                return f"gradients{together} {apart:.1g} off", furthest
    _refuse_other_in_training(task, name, packed, split, pad, outcomes)
    return None, furthest


def _cannot(said: str) -> str:
    """Say why a family is not packed, without the words of a refusal."""
    if "is of no form" in said:
        part = "head" if "the head of" in said else "attention"
        return f"its {part} is none of those that can be"
    return said


@torch.no_grad()
def _refuse_other_in_training(
    task: Task,
    name: str,
    packed: PackedModel,
    split: Split,
    pad: int,
    outcomes: list[Outcome],
) -> None:
    """Refuse a model that drops or shifts something in training by a number of its own.

    Raises:
        StudyError: outputs in training, with nothing dropped, are not those of evaluation.
    """
    orders = [torch.arange(len(split)).roll(run) for run in range(len(outcomes))]
    batch = pack(split, orders, pad, BLOCKS)
    found = packed.train()(batch, [torch.Generator() for _ in outcomes])
    packed.eval()
    found = task.read(found, batch.labels)
    for run, outcome in enumerate(outcomes):
        if not _apart(found[run].roll(-run, 0), outcome.outputs) <= LOGITS * MOST:
            config: Any = packed.get_submodule("model").config
            own = {
                key: value
                for key, value in config.to_dict().items()
                if ("drop" in key or "jitter" in key) and isinstance(value, float) and value > 0
            }
            told = ", ".join(f"{key} {value:g}" for key, value in own.items())
            raise StudyError(
                f"model.name: {display_name(name)!r} computes otherwise in training, though "
                f"model.dropout is taken as 0: what does that is not known here"
                f"{f'; its config has {told}: set these to 0 there' if told else ''}"
            )


def _outcomes(
    task: Task,
    packed: PackedModel,
    config: LoRAConfig,
    split: Split,
    pad: int,
    runs: int,
    way: Batching,
) -> list[Outcome]:
    """Return what each run gives; the second has the sentences in another order."""
    model: Module = packed.get_submodule("model")
    if is_adapted(model):  # by the try before
        eject(model)
    adapt(model, [config] * runs, range(runs))
    trial.set_factors(model, {run: run for run in range(runs)})
    orders = [torch.arange(len(split)).roll(run) for run in range(runs)]
    batch = pack_as(way, split, orders, pad, BLOCKS)
    outputs = task.read(packed(batch), batch.labels)
    in_order = [rows.roll(-run, 0) for run, rows in enumerate(outputs)]
    factors: dict[str, Tensor] = {}
    for name, layer in adapted_modules(model).items():
        factors |= {f"{name}.lora_A": layer.lora_A, f"{name}.lora_B": layer.lora_B}
    total = torch.stack([task.loss(rows) for rows in in_order]).sum()
    grads = torch.autograd.grad(total, list(factors.values()), allow_unused=True)
    return [
        Outcome(
            in_order[run].detach(),
            {
                name: torch.zeros_like(p[run]) if g is None else g[run]
                for (name, p), g in zip(factors.items(), grads, strict=True)
            },
        )
        for run in range(runs)
    ]


@torch.no_grad()
def _drawn_elsewhere(packed: PackedModel, split: Split, pad: int) -> str | None:
    """Return what is wrong if a model's dropout is not drawn by each run's own generator.

    Families that call dropout as a function draw from torch's own; padded rows see to that.
    """
    with torch.random.fork_rng(devices=[]):
        before = torch.random.get_rng_state()
        packed.train()(pack(split, [torch.arange(len(split))], pad, BLOCKS), [torch.Generator()])
        if torch.equal(torch.random.get_rng_state(), before):
            return None
    return "its dropout is drawn by no run's own generator"


def _apart(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().max() / other.abs().max().clamp(min=1.0))


def _gradients_apart(one: Outcome, other: Outcome) -> float:
    """Return the largest difference, of the largest gradient; nan where anything is."""
    scale = torch.stack([g.abs().max() for g in other.gradients.values()]).max()
    apart = [(one.gradients[name] - g).abs().max() for name, g in other.gradients.items()]
    furthest = torch.stack(apart).max()
    return float(furthest / scale) if scale != 0 else float(furthest)


def _first_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return text[0] if text else type(error).__name__
