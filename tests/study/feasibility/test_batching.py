"""How batches are to be computed is found by trying: packed only where that is what is meant."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch import nn
from transformers import (
    AlbertConfig,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    BartConfig,
    BertConfig,
    DebertaV2Config,
    FNetConfig,
    Gemma2Config,
    Gemma3TextConfig,
    Lfm2Config,
    LlamaConfig,
    MistralConfig,
    MixtralConfig,
    PretrainedConfig,
    PreTrainedTokenizerFast,
    RobertaConfig,
    Starcoder2Config,
)

from lora.config import LoRAConfig
from study.batches.beginnings import pack_shared
from study.batches.packing import pack
from study.data.tokenising import Tokenizer as StudyTokenizer
from study.entry.errors import StudyError
from study.feasibility import batching
from study.feasibility.batching import _gradients_apart, choose_batching, choose_causal_batching
from study.feasibility.own_pass import Continuing
from study.feasibility.trial import Outcome, sentences
from study.models import packed, padded

LONGEST = 24
WORDS = 64
BOS, PAD, EOS, UNKNOWN = range(4)
_SPECIAL = {"bos_token_id": BOS, "pad_token_id": PAD, "eos_token_id": EOS}
_SIZES: dict[str, Any] = {
    "vocab_size": WORDS,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    **_SPECIAL,
}
_KEYS: dict[str, Any] = {"num_key_value_heads": 1, "head_dim": 8}
_CAPS: dict[str, Any] = {"attn_logit_softcapping": None, "final_logit_softcapping": None}


def write(
    folder: Path,
    config: PretrainedConfig,
    causal: bool = False,
    pad_is_end: bool = False,
    told_apart: bool = True,
) -> str:
    """Save a random model whose every weight matters, and a tokenizer of words that ends texts."""
    auto = AutoModelForCausalLM if causal else AutoModelForSequenceClassification
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model: Any = auto.from_config(config, dtype=torch.float32)
        tables = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
        with torch.no_grad():
            for parameter in model.parameters():
                noise = torch.randn(parameter.shape)
                if parameter.ndim == 2 and id(parameter) not in tables:
                    parameter.copy_(1.5 * noise / parameter.shape[-1] ** 0.5)
                else:
                    parameter.add_(0.1 * noise if parameter.ndim < 2 else 0.7 * noise)
    model.save_pretrained(folder)
    special = {"<s>": BOS, "<pad>": PAD, "</s>": EOS, "<unk>": UNKNOWN}
    words = special | {f"w{i}": i for i in range(len(special), WORDS)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> $B:1 </s>:1" if told_apart else "<s> $A </s> $B </s>",
        special_tokens=[("<s>", BOS), ("</s>", EOS)],
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="<unk>",
        pad_token="</s>" if pad_is_end else "<pad>",
        bos_token="<s>",
        eos_token="</s>",
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    ).save_pretrained(folder)
    return str(folder)


def deberta(shared: bool) -> DebertaV2Config:
    return DebertaV2Config(
        **_SIZES,
        relative_attention=True,
        position_buckets=8,
        pos_att_type=["p2c", "c2p"],
        share_att_key=shared,
    )


def windowed(kind: Any, window: int) -> PretrainedConfig:
    caps = _CAPS if kind is Gemma2Config else {}
    layers = {} if kind is MistralConfig else {"layer_types": ["sliding_attention"] * 2}
    made: PretrainedConfig = kind(**_SIZES, **_KEYS, **caps, **layers, sliding_window=window)
    return made


@pytest.mark.parametrize(
    "config", [BertConfig(**_SIZES), LlamaConfig(**_SIZES)], ids=["bert", "llama"]
)
def test_what_packs_stays_packed(config: PretrainedConfig, tmp_path: Path) -> None:
    choice = choose_batching(write(tmp_path, config), LONGEST)
    assert choice.batching == "packed"
    assert choice.why.startswith("packed, sentences end to end, as transformers computes it (")


@pytest.mark.parametrize(
    ("config", "batching", "told_apart"),
    [
        (BertConfig(**_SIZES), "packed", True),
        (AlbertConfig(**_SIZES, embedding_size=12), "padded", True),
        (RobertaConfig(**_SIZES | {"type_vocab_size": 1}), "packed", False),
    ],
    ids=["bert", "albert", "roberta"],
)
def test_pairs_are_tried_where_the_study_has_pairs(
    config: Any, batching: str, told_apart: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = write(tmp_path, config, told_apart=told_apart)
    tried = sentences(StudyTokenizer(name, LONGEST, pairs=True), pairs=True)
    rows = tried.input_ids.split(tried.lengths.tolist())
    assert all(row.tolist().count(EOS) == 2 for row in rows)
    assert max(map(len, rows)) == LONGEST
    assert (tried.token_types is not None) == told_apart
    assert choose_batching(name, LONGEST, pairs=True).batching == batching
    if told_apart:  # a pass that forgets the types is not what transformers computes
        for module in (packed, padded):
            monkeypatch.setattr(module, "typed", lambda rows: {})
        assert choose_batching(name, LONGEST).batching == batching
        with pytest.raises(StudyError, match=r"not packed: .*; not padded: logits"):
            choose_batching(name, LONGEST, pairs=True)


def test_an_activation_in_the_head_is_not_skipped(tmp_path: Path) -> None:
    config = AlbertConfig(**_SIZES, embedding_size=12)
    choice = choose_batching(write(tmp_path, config), LONGEST)
    assert choice.batching == "padded"
    assert "not packed: " in choice.why


@pytest.mark.parametrize("kind", [MistralConfig, Gemma2Config, Gemma3TextConfig])
@pytest.mark.parametrize("causal", [False, True])
def test_a_window_shorter_than_the_sentences_is_not_forgotten(
    kind: Any, causal: bool, tmp_path: Path
) -> None:
    name = write(tmp_path, windowed(kind, 8), causal)
    choose = choose_causal_batching if causal else choose_batching
    assert choose(name, LONGEST).batching == "padded"


@pytest.mark.parametrize("causal", [False, True])
def test_a_window_that_no_sentence_fills_may_be_packed(causal: bool, tmp_path: Path) -> None:
    name = write(tmp_path, windowed(MistralConfig, 4 * LONGEST), causal)
    choose = choose_causal_batching if causal else choose_batching
    assert choose(name, LONGEST).batching == ("shared" if causal else "packed")


@pytest.mark.parametrize(("pad_is_end", "batching"), [(True, "padded"), (False, "packed")])
def test_an_end_that_is_padding_is_left_out_as_the_model_leaves_it_out(
    pad_is_end: bool, batching: str, tmp_path: Path
) -> None:
    words = _SIZES | ({"pad_token_id": EOS} if pad_is_end else {})
    name = write(tmp_path, LlamaConfig(**words), pad_is_end=pad_is_end)
    assert choose_batching(name, LONGEST).batching == batching


@pytest.mark.parametrize(("shared", "batching"), [(True, "separate"), (False, "padded")])
def test_adapters_that_meet_rows_of_no_run_take_a_run_at_a_time(
    shared: bool, batching: str, tmp_path: Path
) -> None:
    config = LoRAConfig(2, 4.0, ("query_proj", "value_proj"))
    choice = choose_batching(write(tmp_path, deberta(shared)), LONGEST, config)
    assert choice.batching == batching


def test_only_what_is_adapted_has_a_say(tmp_path: Path) -> None:
    config = LoRAConfig(2, 4.0, ("value_proj",))
    choice = choose_batching(write(tmp_path, deberta(True)), LONGEST, config)
    assert choice.batching == "padded"


def test_tokens_that_mix_outside_attention_are_kept_apart(tmp_path: Path) -> None:
    layers = ["conv", "full_attention"]
    config = Lfm2Config(**_SIZES, num_key_value_heads=1, layer_types=layers)
    choice = choose_causal_batching(write(tmp_path, config, causal=True), LONGEST)
    assert choice.batching == "padded"


def test_a_causal_model_shares_beginnings(tmp_path: Path) -> None:
    name = write(tmp_path, LlamaConfig(**_SIZES), causal=True)
    choice = choose_causal_batching(name, LONGEST, dropout=0.1)
    assert choice.batching == "shared"
    assert choice.why.startswith("packed, sentences end to end, and what they have in common from")
    split = Continuing().sentences(StudyTokenizer(name, LONGEST))
    orders = [torch.arange(len(split))]
    together = pack_shared(split, orders, PAD, 2).row_tokens[0]
    assert together < pack(split, orders, PAD, 2).row_tokens[0]  # there is something to share


def test_where_sharing_is_not_what_the_model_computes_pairs_stay_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong with it alone: here beginnings are another pair's."""
    name = write(tmp_path, LlamaConfig(**_SIZES), causal=True)

    def wrong(way: str, *given: Any) -> Any:
        if way != "shared":
            return pack(*given)
        batch = pack_shared(*given)
        return replace(batch, input_ids=batch.input_ids.roll(1, dims=1))

    monkeypatch.setattr(batching, "pack_as", wrong)
    choice = choose_causal_batching(name, LONGEST)
    assert choice.batching == "packed"
    assert "not shared: logits" in choice.why


def test_a_mixture_of_experts_is_computed(tmp_path: Path) -> None:
    config = MixtralConfig(**_SIZES, num_key_value_heads=1, num_local_experts=4)
    choice = choose_causal_batching(write(tmp_path, config, causal=True), LONGEST)
    assert choice.batching in ("shared", "padded")


@pytest.mark.parametrize("cap", [5.0, None])
def test_capped_logits_are_not_packed(cap: float | None, tmp_path: Path) -> None:
    caps = _CAPS | {"final_logit_softcapping": cap}
    config = Gemma2Config(**_SIZES, **_KEYS, **caps, layer_types=["full_attention"] * 2)
    choice = choose_causal_batching(write(tmp_path, config, causal=True), LONGEST)
    assert choice.batching == ("shared" if cap is None else "padded")


@pytest.mark.parametrize(("dropout", "batching"), [(0.0, "packed"), (0.1, "padded")])
def test_dropout_that_is_no_runs_own_is_not_packed(
    dropout: float, batching: str, tmp_path: Path
) -> None:
    """Starcoder2 calls dropout as a function, which draws from torch's own generator."""
    config = Starcoder2Config(**_SIZES, num_key_value_heads=1)
    state = torch.random.get_rng_state()
    choice = choose_batching(write(tmp_path, config), LONGEST, None, dropout)
    assert choice.batching == batching
    assert ("dropout is drawn" in choice.why) == (dropout > 0)
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("config", [BertConfig(**_SIZES), LlamaConfig(**_SIZES)])
def test_dropout_of_each_runs_own_is_packed(config: PretrainedConfig, tmp_path: Path) -> None:
    assert choose_batching(write(tmp_path, config), LONGEST, None, 0.1).batching == "packed"


def test_a_model_that_reads_its_padding_is_refused(tmp_path: Path) -> None:
    config = FNetConfig(**{k: v for k, v in _SIZES.items() if "heads" not in k})
    with pytest.raises(StudyError, match=r"model\.name: .* others in its batch are longer") as why:
        choose_batching(write(tmp_path, config), LONGEST)
    assert "\n" not in str(why.value)


def test_a_model_without_positions_for_the_sentences_is_refused(tmp_path: Path) -> None:
    name = write(tmp_path, BertConfig(**_SIZES, max_position_embeddings=16))
    with pytest.raises(StudyError, match=r"data\.max_length: 24; .* to 16 tokens"):
        choose_batching(name, LONGEST)


def test_a_model_that_drops_layers_in_training_is_refused_with_the_setting(tmp_path: Path) -> None:
    config = BartConfig(
        **_SPECIAL, vocab_size=WORDS, d_model=16, encoder_layers=2, decoder_layers=1,
        encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=24,
        decoder_ffn_dim=24, encoder_layerdrop=0.9, decoder_start_token_id=EOS,
    )  # fmt: skip
    name = write(tmp_path, config)
    with pytest.raises(StudyError, match=r"otherwise in training.*encoder_layerdrop 0\.9"):
        choose_batching(name, LONGEST)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_gradient_that_is_no_number_is_never_near(place: int) -> None:
    whole = {name: torch.ones(2) for name in "abc"}
    broken = whole | {"abc"[place]: torch.tensor([1.0, torch.nan])}
    outputs = torch.zeros(1, 2)
    apart = _gradients_apart(Outcome(outputs, broken), Outcome(outputs, whole))
    assert not apart <= 1e9


def test_a_tokenizer_that_loses_its_texts_is_tried_with_long_sentences_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a window that every real sentence passes would not be seen."""
    name = write(tmp_path, windowed(MistralConfig, 6))
    monkeypatch.setattr(StudyTokenizer, "decode", lambda *_: "w5")
    tried = sentences(StudyTokenizer(name, LONGEST))
    assert int(tried.lengths.max()) > LONGEST - 8
    assert choose_batching(name, LONGEST).batching == "padded"
