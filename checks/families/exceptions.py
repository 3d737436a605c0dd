"""What some families need besides small sizes, and forms that their released checkpoints have."""

from __future__ import annotations

from typing import Any

from checks.families.sizes import HEAD, HEADS, HIDDEN, KEY_HEADS, MASK, PAD, WINDOW

# What rules for names do not reach, by model type.
EXCEPTIONS: dict[str, dict[str, Any]] = {
    "esm": {"mask_token_id": MASK},
    "esmc": {"num_key_value_heads": HEADS},
    "layoutlmv3": {"coordinate_size": 4, "shape_size": 8},
    "lilt": {"hidden_size": 48},
    "cohere_compass_text": {
        **{"layer_types": ["sliding_attention", "full_attention"] * 2, "layers": 4},
        "rope_parameters": {
            kind: {"rope_type": "default", "rope_theta": theta}
            for kind, theta in (("sliding_attention", 1e4), ("full_attention", 1e5))
        },
    },
    "gpt_neo": {"attention_types": [[["global", "local"], 1]]},
    "reformer": {
        **{"axial_pos_embds_dim": (8, 24), "axial_pos_shape": (16, 12), "hash_seed": 0},
        **{"local_attn_chunk_length": 16, "lsh_attn_chunk_length": 16, "num_buckets": 4},
        "attn_layers": ("local", "lsh"),
    },
    "squeezebert": {"embedding_size": HIDDEN},
    "t5": {"decoder_start_token_id": PAD},
    "xmod": {"default_language": "en_XX"},
    "zamba": {"attention_hidden_size": 2 * HIDDEN, "attention_head_dim": 16},
    "zamba2": {
        **{"layers_block_type": ["linear_attention", "hybrid"] * 2, "layers": 4},
        "n_mamba_heads": HEAD,
    },
    "dbrx": {"attn_config": {"rope_theta": 1e4, "kv_n_heads": KEY_HEADS, "clip_qkv": 8.0}},
    "deepseek_v2": {"num_experts_per_tok": 2},
    "dots1": {"n_shared_experts": 1, "num_experts_per_tok": 2},
    "falcon_h1": {"mamba_d_ssm": 2 * HIDDEN},
    # With 95 of a hundred cut off, a norm of what is left of 48 would be mostly rounding.
    "gemma3n_text": {"activation_sparsity_pattern": [0.5, 0.0, 0.5, 0.0], "layers": 4},
    "longcat_flash": {"head_dim": 4},
    "mamba2": {"num_heads": HEAD},
    "zaya": {"num_experts_per_tok": 1},
    "qwen4_exp_text": {
        **{"layer_types": ["linear_attention", "full_attention"] * 2, "layers": 4},
        **{"ple_embed_dim": 16, "split_ngram_parts": 1, "ple_layer_ids": [1]},
        **{"indexer_n_heads": 32, "indexer_kv_heads": 1, "indexer_head_dim": HEAD},
        **{"indexer_budget": WINDOW, "indexer_compress_ratio": 4},
    },
    "dots3_note_text": {
        **{"swa_num_attention_heads": HEADS, "swa_num_key_value_heads": HEADS},
        **{"swa_q_lora_rank": 16, "swa_kv_lora_rank": 16, "swa_head_dim": 12},
        **{"swa_qk_nope_head_dim": HEAD, "swa_v_head_dim": HEAD},
    },
    "deberta": {"relative_attention": True, "pos_att_type": ["c2p", "p2c"]},
    "deberta-v2": {
        **{"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_buckets": 16},
        **{"share_att_key": True, "norm_rel_ebd": "layer_norm", "position_biased_input": False},
    },
    "lfm2": {"layer_types": ["conv", "full_attention"] * 2, "layers": 4},
    "bamba": {"attn_layer_indices": [1]},
    "granitemoehybrid": {"layer_types": ["mamba", "attention"]},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"] * 2, "layers": 4},
}

_WINDOWS = {
    "use_sliding_window": True,
    **{"layer_types": ["full_attention", "sliding_attention"], "sliding_window": WINDOW},
}
# Forms of a family that its released checkpoints also have, and its defaults do not.
_RELEASED: dict[str, dict[str, Any]] = {
    "deberta-v2+separate-keys": {"share_att_key": False},
    "gemma3_text+both-ways": {"use_bidirectional_attention": True},
    "llama+llama3-rope": {
        "rope_parameters": {
            **{"rope_type": "llama3", "rope_theta": 1e4, "factor": 8.0, "low_freq_factor": 1.0},
            **{"high_freq_factor": 4.0, "original_max_position_embeddings": 64},
        }
    },
    "llama+yarn": {
        "rope_parameters": {
            **{"rope_type": "yarn", "rope_theta": 1e4, "factor": 3.0},
            "original_max_position_embeddings": 64,
        }
    },
    "mistral+no-window": {"sliding_window": None},
    "phi3+window": {"sliding_window": WINDOW},
    "qwen2+windows": _WINDOWS,
    "qwen3+windows": _WINDOWS,
}
VARIANTS = {name: (name.partition("+")[0], changes) for name, changes in _RELEASED.items()}
