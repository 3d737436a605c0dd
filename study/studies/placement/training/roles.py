"""What each linear layer of a transformer is for, read off its name.

Families name their modules as they like, and yet alike: what belongs to attention has "attn" or
"attention" in its path; what belongs to the MLP is called mlp, ffn, feed_forward, fc, intermediate,
output or expert. What is neither (a state space, a router, an embedding's projection) has no role
here. Tried on the families of docs/models.md.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from lora.targets import layer_index

# Of the last component of a name, in lower case. Queries: BERT's query, Llama's q_proj, T5's q,
# DistilBERT's q_lin, CTRL's Wq, Funnel's q_head, DeepSeek's q_a_proj. DeBERTa's pos_q_proj projects
# positions.
_QUERY = re.compile(r"(?!pos_)(.*_)?(w?q|query)(_.*)?")
_VALUE = re.compile(r"(?!pos_)(.*_)?(w?v|value)(_.*)?")
_WITH_KEY = re.compile(r"w?kv(_.*)?|key_value(_.*)?")
_FUSED = re.compile(r"c_attn|query_key_value|w?qkv(_.*)?|in_proj(_qkv.*)?|att_proj")
_ATTENTION = re.compile(r"^(?!.*norm).*(attn|attention)")
_ROUTER = re.compile(r"gate|router|indexer|shared_expert_gate")
_MLP = re.compile(
    r"mlp|ffn|feed_?forward|expert|moe|intermediate|dense_?relu|h_to_4h|(^|_)output$"
    r"|^(ff|wi|wo|wi_[01]|lin[12]|fc.*|linear[12]|(gate|up|down|gate_up)_proj)$"
)


def in_attention(name: str) -> bool:
    """Whether a linear layer stands in the attention of a numbered layer, and picks no tokens."""
    parts = _parts(name)
    if layer_index(name) is None or any(_ROUTER.fullmatch(part) for part in parts):
        return False
    return any(_ATTENTION.search(part) for part in parts)


def in_mlp(name: str) -> bool:
    """Whether a linear layer stands in the MLP of a numbered layer, and routes no tokens."""
    parts = _parts(name)
    if layer_index(name) is None or any(_ROUTER.fullmatch(part) for part in parts):
        return False
    return not in_attention(name) and any(_MLP.search(part) for part in parts)


def queries_and_values(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the layers that make queries or values, and those of them that make keys too.

    The latter are taken whole, where one matrix makes several: `c_attn` of GPT-2. None at all where
    a model lacks layers of either.
    """
    queries, values, with_keys = [], [], []
    for name in filter(in_attention, names):
        leaf = _parts(name)[-1]
        if _FUSED.fullmatch(leaf):
            queries.append(name)
            values.append(name)
            with_keys.append(name)
        elif _WITH_KEY.fullmatch(leaf):
            values.append(name)
            with_keys.append(name)
        elif _QUERY.fullmatch(leaf):
            queries.append(name)
        elif _VALUE.fullmatch(leaf):
            values.append(name)
    if not queries or not values:
        return [], []
    found = {*queries, *values}
    return [name for name in names if name in found], with_keys


def kind(name: str) -> str:
    """Return a module's name inside its layer, as `attention.self.query`, without numbers."""
    parts = name.split(".")
    first = next((i for i, part in enumerate(parts) if part.isdecimal()), -1)
    return ".".join(part for part in parts[first + 1 :] if not part.isdecimal())


def _parts(name: str) -> list[str]:
    return name.lower().split(".")
