"""What the linear probe costs: one pass of the frozen encoder, and a few numbers to store.

The fit itself, a logistic regression on one vector a sentence, is not counted: how many steps it
takes is known only by running it. It has no optimiser that holds moments, and its numbers stand
beside the model, so that nothing is merged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode
from transformers import PretrainedConfig, PreTrainedModel

from study.analyses.cost.by_pass import ByPass, shared
from study.analyses.operations.flops import (
    Flops,
    fit,
    on_meta_or_cpu,
    sentence,
    without_weights,
)
from study.analyses.results.summary import score_of
from study.metrics.measure import measure_named
from study.models.dequantised import read_config
from study.probes.record import LinearProbe

_FP32 = 4  # bytes


def probe_cost(
    probe: LinearProbe,
    model_name: str,
    lengths: Tensor,
    passes: Sequence[float],
    confidence: float,
) -> dict[str, Any]:
    """Return what a row of `metrics/cost.json` says of an arm, of the linear probe.

    - `storage_bytes`: its coefficients in fp32.
    - `flops_per_token`, `training_flops`: one pass of the encoder over the training sentences;
      `inference_flops_per_token`: such a pass and the product with the coefficients.
    - `optimizer_state_bytes`, `mergeable`: None.
    - `low`, `high`: of the test accuracy, over sentences alone.

    Args:
        model_name: as in the settings; lengths: tokens of the training sentences, (n,).
        passes: of an epoch, as `study.analyses.cost.passes.longest` gives them.
    """
    config = read_config(model_name)
    sentences, tokens, squares = len(lengths), float(lengths.sum()), float(lengths.square().sum())
    passed = encoder_flops(config).of(sentences, tokens, squares, passes)
    return {
        "trainable_parameters": probe.trainable_parameters,
        "trainable_share": probe.trainable_parameters / probe.total_parameters,
        "storage_bytes": _FP32 * probe.trainable_parameters,
        "optimizer_state_bytes": None,
        "flops_per_token": passed / tokens,
        "training_flops": passed,
        "inference_flops_per_token": (passed + 2 * _weights(probe) * sentences) / tokens,
        "mergeable": None,
        **score_of(probe.parts(), measure_named(probe.metric), confidence),
    }


def encoder_flops(config: PretrainedConfig) -> ByPass:
    """Count one pass of a sentence through the encoder, forward and without a head.

    The layer that the pretrained model brings before its head, as BERT's pooler, is a part of it.
    """

    def of(count: Callable[[PreTrainedModel], Flops]) -> Flops:
        def on(device: str) -> Flops:
            model: PreTrainedModel = without_weights(config, 2, device)
            # An encoder and decoder is called by its head alone, which counts as next to nothing.
            return count(model if model.config.is_encoder_decoder else model.base_model)

        return on_meta_or_cpu(on)

    return ByPass(of(_passed), of(lambda encoder: shared(encoder, backward=False)))


def _passed(encoder: PreTrainedModel) -> Flops:
    def count(length: int) -> int:
        ids = sentence(encoder.config, length, encoder.device)
        with FlopCounterMode(display=False) as counter:
            encoder(input_ids=ids)
        return int(counter.get_total_flops())

    return fit(count)


def _weights(probe: LinearProbe) -> int:
    """Return the coefficients but for the intercepts: one for two classes or a number, or more."""
    classes = len(probe.label_names)
    return probe.trainable_parameters - (1 if classes in (0, 2) else classes)
