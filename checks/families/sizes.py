"""Small values for what model configurations call their sizes.

A field of a configuration is looked up by its own name. Sizes are unlike one another where they may
be, so that a mixed-up axis is an error and not a number.
"""

from __future__ import annotations

HIDDEN = 32
HEADS = 4
KEY_HEADS = 2
HEAD = 8
EXPERTS = 4
LAYERS = 2
MIXED_LAYERS = 4  # of families whose layers are of several kinds
VOCABULARY = 120
RANK = 2  # of adapters
WINDOW = 16
POSITIONS = 192

WORDS = (5, 100)  # ids of ordinary tokens; what stands for an image or a sound is above
PAD, BOS, EOS, UNKNOWN, MASK = 1, 0, 2, 3, 4  # as RoBERTa has them: padding is not zero

LAYER_COUNTS = (
    *("num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers"),
    *("decoder_layers", "num_encoder_layers", "num_decoder_layers"),
)

_BY_SIZE: tuple[tuple[int, str], ...] = (
    (
        HIDDEN,
        """
        hidden_size d_model n_embd dim emb_dim embedding_dim d_latents lru_width
        pooler_hidden_size output_embedding_size prediction_head_size attention_hidden_size
        ple_embed_dim backbone_hidden_size hidden_size_global hidden_size_per_layer_input
        """,
    ),
    # As few as the others would often all be zero, so that the best places were a matter of chance.
    (32, "index_n_heads"),
    (
        16,
        """
        embedding_size input_embedding_size word_embed_proj_dim entity_emb_size q_lora_rank
        kv_lora_rank o_lora_rank hc_lowrank router_hidden_size pronunciation_embed_dim
        shape_embed_dim chunk_size mamba_chunk_size index_topk max_depth xpath_unit_hidden_size
        block_size
        """,
    ),
    (
        HEADS,
        """
        num_attention_heads n_head n_heads num_heads encoder_attention_heads attention_heads
        decoder_attention_heads num_encoder_attention_heads num_decoder_attention_heads
        swa_num_attention_heads linear_num_heads linear_num_value_heads
        num_self_attention_heads num_cross_attention_heads
        """,
    ),
    (
        KEY_HEADS,
        """
        num_key_value_heads num_kv_heads swa_num_key_value_heads num_query_groups
        linear_num_key_heads n_group n_groups num_expert_group o_groups num_experts_per_tok
        num_experts_per_token moe_k moe_topk mamba_n_groups attn_layer_period index_topk_blocks
        type_vocab_size interleave_moe_layer_step layer_group_size n_layers_per_attn_res_block
        """,
    ),
    (
        1,
        """
        topk_group n_shared_experts moe_num_shared_experts num_shared_experts
        first_k_dense_replace num_dense_layers moe_layer_start_index attn_layer_offset
        num_kv_shared_layers
        """,
    ),
    (
        HEAD,
        """
        head_dim d_kv d_head dim_head attention_head_size v_head_dim qk_nope_head_dim
        linear_head_dim linear_key_head_dim linear_value_head_dim swa_head_dim index_head_dim
        kv_channels mamba_d_head mamba_head_dim mamba_n_heads mamba_num_heads state_size
        mamba_d_state ssm_state_size laurel_rank adapter_rank
        gated_norm_rank d_rel coordinate_size index_block_size
        """,
    ),
    (
        EXPERTS,
        """
        num_experts n_routed_experts num_local_experts moe_num_experts zero_expert_num
        qk_rope_head_dim rotary_dim time_step_rank mamba_dt_rank
        """,
    ),
    (12, "qk_head_dim"),
    (
        WINDOW,
        """
        sliding_window window_size attention_window_size local_attention sliding_window_size
        attention_chunk_size keep_window_size attention_window local_attention_window_len
        rel_extent
        """,
    ),
    (
        48,
        """
        intermediate_size d_ff ffn_dim encoder_ffn_dim decoder_ffn_dim hidden_dim dff dim_ff
        d_inner ffn_hidden_size feed_forward_size n_inner dense_intermediate_size
        intermediate_size_mlp mamba_d_ssm
        """,
    ),
    (
        24,
        """
        moe_intermediate_size shared_expert_intermediate_size expert_ffn_hidden_size
        shared_intermediate_size moe_shared_expert_intermediate_size
        shared_experts_intermediate_size intra_bottleneck_size true_hidden_size
        """,
    ),
    (
        VOCABULARY,
        """
        vocab_size decoder_vocab_size vocab_size_per_layer_input entity_vocab_size
        pronunciation_vocab_size shape_vocab_size ngram_vocab_size_base num_hash_buckets
        encoder_hash_byte_group_vocab
        """,
    ),
    (
        POSITIONS,
        """
        max_position_embeddings n_positions n_ctx max_seq_len context_length model_max_length
        max_target_positions max_source_positions max_2d_position_embeddings
        """,
    ),
)
SIZES = {name: size for size, names in _BY_SIZE for name in names.split()}
# What is also set where a family leaves it to be worked out, or to a checkpoint.
ALWAYS = (
    *("head_dim", "num_key_value_heads", "n_routed_experts", "vocab_size"),
    *("pad_token_id", "eos_token_id"),
)

SPECIAL = {
    **{"pad_token_id": PAD, "bos_token_id": BOS, "eos_token_id": EOS, "cls_token_id": BOS},
    **{"sep_token_id": EOS, "mask_token_id": MASK, "unk_token_id": UNKNOWN, "pad_index": PAD},
    **{"bos_index": BOS, "eos_index": EOS, "unk_index": UNKNOWN, "mask_index": MASK},
    **{"forced_eos_token_id": EOS, "eod_token_id": EOS},
}
