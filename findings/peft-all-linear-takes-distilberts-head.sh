#!/usr/bin/env bash
# PEFT's "all-linear" on a DistilBERT classifier adapts a layer of the head, which it also wants to
# keep whole, and stops.
#
# Versions: peft 0.21.2, transformers 5.23.0, torch 2.13.0, Python 3.11.
#
# Expected: `LoraConfig(task_type="SEQ_CLS", target_modules="all-linear")` adapts the linear layers of
#     the model and leaves its head to modules_to_save, as it does for BERT and RoBERTa.
# Happens: of the head only the module that is called `classifier` or `score` is left out. DistilBERT's
#     has a layer before it, `pre_classifier`: it gets an adapter, and is to be saved whole as well,
#     since its name ends in `classifier`. get_peft_model raises TypeError.
# Exit status: 0 if this is still so.
#
# Output seen:
#     BERT: 0 layers of the head adapted
#     DistilBERT: TypeError
#     RoBERTa: 0 layers of the head adapted
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
export HF_HUB_OFFLINE=1

python3 -m venv venv
source venv/bin/activate
pip install -q peft==0.21.2 transformers==5.23.0 torch==2.13.0

cat > try.py <<'END'
import sys

from peft import LoraConfig, get_peft_model
from transformers import (
    AutoModelForSequenceClassification,
    BertConfig,
    DistilBertConfig,
    RobertaConfig,
)

SIZES = {
    "vocab_size": 60,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 24,
}
MODELS = {
    "BERT": BertConfig(**SIZES),
    "DistilBERT": DistilBertConfig(vocab_size=60, dim=16, n_layers=1, n_heads=2, hidden_dim=24),
    "RoBERTa": RobertaConfig(**SIZES),
}


def outcome(config):
    model = AutoModelForSequenceClassification.from_config(config)
    prefix = f"base_model.model.{model.base_model_prefix}."
    try:
        adapted = get_peft_model(
            model, LoraConfig(r=2, task_type="SEQ_CLS", target_modules="all-linear")
        )
    except TypeError:
        return "TypeError"
    names = [name for name, _ in adapted.named_modules() if name.endswith(".lora_A")]
    return f"{sum(not name.startswith(prefix) for name in names)} layers of the head adapted"


found = {name: outcome(config) for name, config in MODELS.items()}
for name, what in found.items():
    print(f"{name}: {what}")
sys.exit(0 if found["DistilBERT"] == "TypeError" and found["BERT"].startswith("0 ") else 1)
END
python try.py
