"""Model folders with a tokenizer and a configuration, without weights: enough to prepare data."""

from __future__ import annotations

from pathlib import Path

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, GPT2Config, PreTrainedTokenizerFast

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


def write_bert(folder: Path, words: str, vocab_size: int | None = None) -> Path:
    """WordPiece over whole words, [CLS] and [SEP] around them; ids in the order of `words`."""
    vocabulary = {word: i for i, word in enumerate((*SPECIAL, *words.split()))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
    ).save_pretrained(folder)
    size = vocab_size or len(vocabulary)
    BertConfig(vocab_size=size, max_position_embeddings=16).save_pretrained(folder)
    return folder


def write_gpt2(folder: Path) -> Path:
    """Bytes as tokens, nothing around them, no padding: as GPT-2's."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({char: i for i, char in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)
    GPT2Config(vocab_size=len(alphabet), n_positions=32).save_pretrained(folder)
    return folder
