"""Families whose sentences cannot be packed: padded rows through their own forward alone."""

from __future__ import annotations

from typing import Any

from transformers import (
    AlbertConfig,
    BartConfig,
    DebertaV2Config,
    ElectraConfig,
    GPTJConfig,
    ModernBertConfig,
    MPNetConfig,
    PretrainedConfig,
    T5Config,
)

from tests.lora.models import HIDDEN, VOCABULARY, Family

_SIZES: dict[str, Any] = {
    "hidden_size": HIDDEN,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "vocab_size": VOCABULARY,
}
# Drawn sentences have none of these; `toys.ended` puts the end that BART and T5 look for.
_ENDS: dict[str, Any] = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}


def _family(
    name: str, model: str, config: PretrainedConfig, targets: tuple[str, ...], head: str
) -> Family:
    return Family(name, f"{model}ForSequenceClassification", config, targets, head, ())


def _modernbert(pooling: str) -> Family:
    config = ModernBertConfig(
        **_SIZES,
        classifier_pooling=pooling,
        local_attention=8,
        global_attn_every_n_layers=2,
        cls_token_id=1,
        sep_token_id=2,
        **_ENDS,
    )
    return _family(f"modernbert {pooling}", "ModernBert", config, ("Wqkv",), "classifier")


def _deberta(name: str, **words: Any) -> Family:
    config = DebertaV2Config(
        **_SIZES,
        relative_attention=True,
        position_buckets=4,
        norm_rel_ebd="layer_norm",
        pos_att_type=["p2c", "c2p"],
        position_biased_input=False,
        **words,
    )
    return _family(name, "DebertaV2", config, ("query_proj", "value_proj"), "classifier")


OTHERS = {
    family.name: family
    for family in (
        _family(
            "albert",
            "Albert",
            AlbertConfig(**_SIZES, embedding_size=12),
            ("query", "value"),
            "classifier",
        ),
        _family("mpnet", "MPNet", MPNetConfig(**_SIZES, pad_token_id=1), ("q", "v"), "classifier"),
        _family("electra", "Electra", ElectraConfig(**_SIZES), ("query", "value"), "classifier"),
        _family(
            "gptj",
            "GPTJ",
            GPTJConfig(
                vocab_size=VOCABULARY,
                n_positions=40,
                n_embd=HIDDEN,
                n_layer=2,
                n_head=2,
                rotary_dim=4,
                **_ENDS,
            ),
            ("q_proj", "v_proj"),
            "score",
        ),
        _deberta("deberta"),
        _deberta("deberta shared", share_att_key=True),
        _modernbert("cls"),
        _modernbert("mean"),
        _family(
            "bart",
            "Bart",
            BartConfig(
                num_labels=2,
                vocab_size=VOCABULARY,
                d_model=HIDDEN,
                encoder_layers=1,
                decoder_layers=1,
                encoder_attention_heads=2,
                decoder_attention_heads=2,
                encoder_ffn_dim=24,
                decoder_ffn_dim=24,
                max_position_embeddings=40,
                decoder_start_token_id=2,
                **_ENDS,
            ),
            ("q_proj", "v_proj"),
            "classification_head",
        ),
        _family(
            "t5",
            "T5",
            T5Config(
                vocab_size=VOCABULARY,
                d_model=HIDDEN,
                d_kv=8,
                d_ff=24,
                num_layers=1,
                num_heads=2,
                decoder_start_token_id=0,
                **_ENDS,
            ),
            ("q", "v"),
            "classification_head",
        ),
    )
}
