"""Model folders with a tokenizer and a configuration, without weights: enough to prepare data.

And a GGUF file that holds all three.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import numpy as np
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, GPT2Config, PreTrainedTokenizerFast

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


def write_bert(
    folder: Path, words: str, vocab_size: int | None = None, config: Any = BertConfig, **more: Any
) -> Path:
    """WordPiece over whole words, [CLS] and [SEP] around them; ids in the order of `words`.

    The second text of a pair has the token type 1.

    Args:
        config: class of the model's; more: that it is told.
    """
    vocabulary = {word: i for i, word in enumerate((*SPECIAL, *words.split()))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    ).save_pretrained(folder)
    size = vocab_size or len(vocabulary)
    config(vocab_size=size, max_position_embeddings=16, **more).save_pretrained(folder)
    return folder


def write_gpt2(folder: Path) -> Path:
    """Bytes as tokens, nothing around them, no padding: as GPT-2's."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({char: i for i, char in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)
    GPT2Config(vocab_size=len(alphabet), n_positions=32).save_pretrained(folder)
    return folder


def write_gguf(path: Path) -> Path:
    """A random Llama of one layer, in 4 bits where a matrix is wide enough; bytes as tokens."""
    writer = gguf.GGUFWriter(path, "llama")
    hidden, inner, heads, key_heads, words = 64, 96, 4, 2, 300
    writer.add_block_count(1)
    writer.add_context_length(64)
    writer.add_embedding_length(hidden)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(heads)
    writer.add_head_count_kv(key_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10_000.0)
    writer.add_vocab_size(words)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    named = [*alphabet, "th"]
    writer.add_token_list([*named, *(f"<{i}>" for i in range(len(named), words))])
    writer.add_token_merges(["t h"])
    writer.add_eos_token_id(words - 1)
    draw = np.random.default_rng(0)
    matrices = {
        "token_embd": (words, hidden),
        "blk.0.attn_q": (hidden, hidden),
        "blk.0.attn_k": (hidden // 2, hidden),
        "blk.0.attn_v": (hidden // 2, hidden),
        "blk.0.attn_output": (hidden, hidden),
        "blk.0.ffn_gate": (inner, hidden),
        "blk.0.ffn_up": (inner, hidden),
        "blk.0.ffn_down": (hidden, inner),
    }
    kind = gguf.GGMLQuantizationType.Q4_1
    for name, shape in matrices.items():
        values = draw.normal(0, 0.3, shape).astype(np.float32)
        packed = gguf.quants.quantize(values, kind)
        writer.add_tensor(f"{name}.weight", packed, raw_shape=packed.shape, raw_dtype=kind)
    for name in ("blk.0.attn_norm", "blk.0.ffn_norm", "output_norm"):
        writer.add_tensor(f"{name}.weight", draw.normal(1, 0.1, hidden).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
