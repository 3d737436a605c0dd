#!/usr/bin/env bash
# PEFT sorts alpha_pattern when it saves, though the first key that matches counts.
#
# Versions: peft 0.21.2, transformers 5.23.0, torch 2.13.0, Python 3.11.
#
# Expected: an adapter that is saved and loaded computes what it computed before.
# Happens: adapter_config.json is written with sorted keys, those of alpha_pattern and rank_pattern
#     among them. Of two keys that match one module the other one may then come first: the update is
#     scaled by another alpha, without a word. (With rank_pattern it does not load: sizes differ.)
# Exit status: 0 if this is still so.
#
# Output seen:
#     trained: scaling 4.0 | keys query, 0.attention.self.query
#     loaded: scaling 8.0 | keys 0.attention.self.query, query
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
export HF_HUB_OFFLINE=1

python3 -m venv venv
source venv/bin/activate
pip install -q peft==0.21.2 transformers==5.23.0 torch==2.13.0

cat > try.py <<'END'
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import BertConfig, BertModel


def base():
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=60, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=24
    )
    return BertModel(config)


def look(label, model):
    layer = model.base_model.model.encoder.layer[0].attention.self.query
    keys = ", ".join(model.peft_config["default"].alpha_pattern)
    print(f"{label}: scaling {layer.scaling['default']} | keys {keys}")
    return layer.scaling["default"]


config = LoraConfig(
    r=2,
    lora_alpha=2,
    target_modules=["query"],
    alpha_pattern={"query": 8, "0.attention.self.query": 16},
)
model = get_peft_model(base(), config)
model.save_pretrained("saved")
before = look("trained", model)
after = look("loaded", PeftModel.from_pretrained(base(), "saved"))
assert (before, after) == (4.0, 8.0), (before, after)
END
python try.py 2> log || { cat log; exit 1; }
