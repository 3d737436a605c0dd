"""What linear layers are for, read off the names that families give them."""

from __future__ import annotations

import pytest

from study.studies.placement.training.roles import (
    in_attention,
    in_mlp,
    kind,
    queries_and_values,
)

# By family, names inside a layer: queries and values, the rest of attention, the MLP, all else.
NAMES = {
    "bert": (
        "bert.encoder.layer.0.",
        ["attention.self.query", "attention.self.value"],
        ["attention.self.key", "attention.output.dense"],
        ["intermediate.dense", "output.dense"],
        [],
    ),
    "distilbert": (
        "distilbert.transformer.layer.3.",
        ["attention.q_lin", "attention.v_lin"],
        ["attention.k_lin", "attention.out_lin"],
        ["ffn.lin1", "ffn.lin2"],
        [],
    ),
    "deberta-v2": (
        "deberta.encoder.layer.0.",
        ["attention.self.query_proj", "attention.self.value_proj"],
        ["attention.self.key_proj", "attention.self.pos_query_proj", "attention.output.dense"],
        ["intermediate.dense", "output.dense"],
        [],
    ),
    "llama": (
        "model.layers.1.",
        ["self_attn.q_proj", "self_attn.v_proj"],
        ["self_attn.k_proj", "self_attn.o_proj"],
        ["mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"],
        [],
    ),
    "opt": (
        "model.decoder.layers.1.",
        ["self_attn.q_proj", "self_attn.v_proj"],
        ["self_attn.k_proj", "self_attn.out_proj"],
        ["fc1", "fc2"],
        [],
    ),
    "t5": (
        "encoder.block.0.",
        ["layer.0.SelfAttention.q", "layer.0.SelfAttention.v"],
        ["layer.0.SelfAttention.k", "layer.0.SelfAttention.o"],
        ["layer.1.DenseReluDense.wi_0", "layer.1.DenseReluDense.wo"],
        [],
    ),
    "xlm": ("transformer.", ["attentions.0.q_lin", "attentions.0.v_lin"],
        ["attentions.0.k_lin", "attentions.0.out_lin"], ["ffns.0.lin1", "ffns.0.lin2"], []),
    "ctrl": ("transformer.h.0.", ["multi_head_attention.Wq", "multi_head_attention.Wv"],
        ["multi_head_attention.Wk", "multi_head_attention.dense"], ["ffn.0", "ffn.2"], []),
    "gpt2": ("transformer.h.0.", ["attn.c_attn"], ["attn.c_proj"], ["mlp.c_fc", "mlp.c_proj"], []),
    "bloom": ("transformer.h.0.", ["self_attention.query_key_value"], ["self_attention.dense"],
        ["mlp.dense_h_to_4h", "mlp.dense_4h_to_h"], []),
    "modernbert": ("model.layers.0.", ["attn.Wqkv"], ["attn.Wo"], ["mlp.Wi", "mlp.Wo"], []),
    "deepseek": ("model.layers.0.",
        ["self_attn.q_a_proj", "self_attn.q_b_proj", "self_attn.kv_a_proj_with_mqa",
            "self_attn.kv_b_proj"],
        ["self_attn.o_proj"],
        ["mlp.shared_experts.up_proj", "mlp.down_proj"],
        ["self_attn.indexer.wq_b", "mlp.gate"]),
    "mixtral": ("model.layers.0.", ["self_attn.q_proj", "self_attn.v_proj"],
        ["self_attn.k_proj", "self_attn.o_proj"], [], ["mlp.gate"]),
    "jamba": ("model.layers.0.", ["self_attn.q_proj", "self_attn.v_proj"],
        ["self_attn.k_proj", "self_attn.o_proj"], ["feed_forward.up_proj"],
        ["mamba.in_proj", "mamba.x_proj"]),
}  # fmt: skip


@pytest.mark.parametrize("family", NAMES)
def test_every_layer_has_its_role(family: str) -> None:
    start, asked, attention, mlp, rest = NAMES[family]
    full = {name: start + name for name in (*asked, *attention, *mlp, *rest)}
    names = list(full.values())
    assert [name for name in full if in_attention(full[name])] == asked + attention
    assert [name for name in full if in_mlp(full[name])] == mlp
    found, with_keys = queries_and_values(names)
    assert found == [full[name] for name in asked]
    fused = [name for name in asked if "kv" in name.lower() or "c_attn" in name or "key" in name]
    assert with_keys == [full[name] for name in fused]


def test_what_stands_in_no_layer_has_no_role() -> None:
    for name in ("bert.pooler.dense", "model.decoder.attention", "classifier.mlp"):
        assert not in_attention(name)
        assert not in_mlp(name)


def test_without_queries_there_is_no_such_place() -> None:
    """JetMoe's queries are experts, and no linear layers."""
    assert queries_and_values(["model.layers.0.self_attention.kv_proj"]) == ([], [])


def test_the_name_inside_a_layer() -> None:
    assert kind("bert.encoder.layer.0.attention.self.query") == "attention.self.query"
    assert kind("encoder.block.3.layer.0.SelfAttention.q") == "layer.SelfAttention.q"
    assert kind("bert.pooler.dense") == "bert.pooler.dense"
