"""A model folder of a family: small, random, and with logits that show a mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from torch import nn
from transformers import (
    CONFIG_MAPPING,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    PreTrainedTokenizerFast,
)
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
)

from checks.families import sizes
from checks.families.exceptions import VARIANTS
from checks.families.shrinking import small_config

CLASSIFIER, CAUSAL = "classifier", "causal"
_NAMES = {
    CLASSIFIER: MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
    CAUSAL: MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
}
FAMILIES = {
    kind: (*names, *(name for name, (of, _) in VARIANTS.items() if of in names))
    for kind, names in _NAMES.items()
}
AUTO = {CLASSIFIER: AutoModelForSequenceClassification, CAUSAL: AutoModelForCausalLM}
LABELS = 3
_OTHER_SENSES = ("vision", "audio", "vq", "image", "text_encoder", "depth", "detectron2")
_MOST = 10_000_000  # parameters; what is larger was not made small


def make(folder: Path, family: str, kind: str) -> Path:
    """Save a model and a tokenizer.

    Raises:
        ValueError: its sizes are not all small. Whatever else a family raises is not caught.
    """
    config = small_config(family)
    if kind == CLASSIFIER:
        config.num_labels = LABELS
    elif getattr(config, "is_decoder", True) is False:
        config.is_decoder = True  # BERT and its like see what comes after unless told
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = AUTO[kind].from_config(config, dtype=torch.float32)
        count = sum(p.numel() for p in model.parameters())
        if count > _MOST:
            raise ValueError(f"{count} parameters: not all of its sizes were made small")
        _randomise(model)
    model.save_pretrained(folder)
    _tokenizer().save_pretrained(folder)
    return folder


def multimodal(family: str) -> bool:
    """Whether a family also sees or hears; here it reads text alone."""
    kind = CONFIG_MAPPING[VARIANTS.get(family, (family,))[0]]
    parts = (*kind.sub_configs, *getattr(kind, "__dataclass_fields__", ()))
    layout = "max_2d_position_embeddings" in parts
    return layout or any(part.startswith(_OTHER_SENSES) for part in parts)


@torch.no_grad()
def _randomise(model: Any) -> None:
    """Let every weight matter: matrices keep a signal's size, norms and biases are not trivial."""
    tables = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    for parameter in model.parameters():
        if not parameter.is_floating_point():
            continue
        noise = torch.randn(parameter.shape)
        if parameter.ndim < 2:
            parameter.add_(0.1 * noise)
        elif id(parameter) in tables:
            parameter.copy_(0.7 * noise)
        elif parameter.ndim == 2 and min(parameter.shape) > 1:
            parameter.copy_(noise / parameter.shape[-1] ** 0.5)
        else:  # convolutions, experts, tokens that are learned
            parameter.add_(0.1 * noise)


def _tokenizer() -> PreTrainedTokenizerFast:
    """Return a tokenizer of single bytes, as families that bring their own class expect it too."""
    special = {"<s>": sizes.BOS, "<pad>": sizes.PAD, "</s>": sizes.EOS}
    special |= {"<unk>": sizes.UNKNOWN, "<mask>": sizes.MASK}
    signs = sorted(pre_tokenizers.ByteLevel.alphabet())[: sizes.VOCABULARY - len(special)]
    vocabulary = special | {sign: i for i, sign in enumerate(signs, len(special))}
    tokenizer = Tokenizer(models.BPE(vocabulary, [], unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", sizes.BOS), ("</s>", sizes.EOS)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        **{"unk_token": "<unk>", "pad_token": "<pad>", "mask_token": "<mask>"},
        **{"bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "sep_token": "</s>"},
    )
