"""What a model's configuration says, under the names that most families give it, or nothing.

Of a composite model (an encoder of pictures beside a language model) its text part is read.
"""

from __future__ import annotations

from transformers import PretrainedConfig


def token_id(config: PretrainedConfig, kind: str) -> int | None:
    """Return the id of a special token that the model has an embedding for, or None.

    Args:
        kind: as in "pad" and "eos"; of several end tokens the first.
    """
    text = config.get_text_config()
    found = getattr(text, f"{kind}_token_id", None)
    found = found[0] if isinstance(found, list) and found else found
    size = vocabulary(config)
    if not isinstance(found, int) or found < 0 or (size is not None and found >= size):
        return None
    return found


def vocabulary(config: PretrainedConfig) -> int | None:
    """Return the number of token ids; None: the model does not say (Canine hashes characters)."""
    size = getattr(config.get_text_config(), "vocab_size", None)
    return size if isinstance(size, int) and size > 0 else None


def width(config: PretrainedConfig) -> int:
    """Return the size of hidden states; of a model of several stacks (BLT) the largest."""
    return max(_sizes(config.get_text_config(), "hidden_size"))


def depth(config: PretrainedConfig) -> int:
    """Return the number of layers, of all stacks."""
    return sum(_sizes(config.get_text_config(), "num_hidden_layers"))


def _sizes(config: PretrainedConfig, name: str) -> list[int]:
    own = getattr(config, name, None)
    if isinstance(own, int):
        return [own]
    parts = [getattr(config, part, None) for part in config.sub_configs]
    return [size for part in parts if part is not None for size in _sizes(part, name)]


def positions(config: PretrainedConfig) -> int | None:
    """Return the number of positions; None: as many as one likes."""
    found = getattr(config.get_text_config(), "max_position_embeddings", None)
    return found if isinstance(found, int) and found > 0 else None
