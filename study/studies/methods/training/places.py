"""Where in a transformer's layers a method's modules go, by what the families call them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from torch import nn
from transformers import PreTrainedModel

from study.studies.methods.training.method import NotApplicable

# The end of a module's name, from the start of a component: BERT and RoBERTa, DistilBERT, GPT-2,
# Llama.
ATTENTION_OUTPUT = (r"attention\.output\.dense", r"attention\.out_lin", r"attn\.c_proj", "o_proj")
FEEDFORWARD_OUTPUT = (
    r"(?<!attention\.)output\.dense",
    r"ffn\.lin2",
    r"mlp\.c_proj",
    r"mlp\.down_proj",
)
KEY = (r"self\.key", r"attention\.k_lin", r"attn\.c_attn", r"self_attn\.k_proj")
VALUE = (r"self\.value", r"attention\.v_lin", r"attn\.c_attn", r"self_attn\.v_proj")


def modules_at(model: PreTrainedModel, places: Sequence[str], what: str) -> dict[str, nn.Module]:
    """Return the modules of the base model at these places, by full name, in the model's order.

    Args:
        what: names the places in an error.

    Raises:
        NotApplicable: there are none.
    """
    pattern = re.compile(rf"(?:^|.*\.)(?:{'|'.join(places)})")
    prefix = f"{model.base_model_prefix}."
    found = {
        name: module
        for name, module in model.named_modules()
        if name.startswith(prefix) and pattern.fullmatch(name)
    }
    if not found:
        raise NotApplicable(
            f"a {type(model).__name__} has no {what} that this study knows; it knows BERT's, "
            "RoBERTa's, DistilBERT's, GPT-2's and Llama's"
        )
    return found
