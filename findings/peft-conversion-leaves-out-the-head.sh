#!/usr/bin/env bash
# PEFT's conversion of PiSSA and OLoRA to LoRA leaves out the trained head, and names it as saved.
#
# Versions: peft 0.21.2, transformers 5.23.0, torch 2.13.0, Python 3.11.
#
# Expected: `save_pretrained(folder, path_initial_model_for_weight_conversion=start)` writes what was
#     trained, the classifier too, which modules_to_save of the config names.
# Happens: the file holds lora_A and lora_B alone. The classifier is lost without a word, and PEFT
#     cannot load what it saved: KeyError 'base_model.model.classifier.weight'. Without the conversion
#     the classifier is saved.
# Exit status: 0 if this is still so.
#
# Output seen:
#     pissa | modules_to_save: classifier, score | head in the file: 0 | loaded: KeyError
#     pissa, not converted | modules_to_save: classifier, score | head in the file: 2 | loaded: yes
#     olora | modules_to_save: classifier, score | head in the file: 0 | loaded: KeyError
#     olora, not converted | modules_to_save: classifier, score | head in the file: 2 | loaded: yes
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
export HF_HUB_OFFLINE=1

python3 -m venv venv
source venv/bin/activate
pip install -q peft==0.21.2 transformers==5.23.0 torch==2.13.0

cat > try.py <<'END'
import json
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file
from transformers import BertConfig, BertForSequenceClassification


def base():
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=60, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=24
    )
    return BertForSequenceClassification(config)


def look(label, folder):
    saved = json.loads(Path(folder, "adapter_config.json").read_text())["modules_to_save"]
    names = load_file(Path(folder, "adapter_model.safetensors"))
    head = sum("classifier" in name for name in names)
    try:
        PeftModel.from_pretrained(base(), folder)
        loaded = "yes"
    except KeyError:
        loaded = "KeyError"
    print(
        f"{label} | modules_to_save: {', '.join(saved)} | head in the file: {head} | loaded: {loaded}"
    )
    return head, loaded


for init in ("pissa", "olora"):
    config = LoraConfig(
        task_type="SEQ_CLS", r=2, target_modules=["query"], init_lora_weights=init
    )
    model = get_peft_model(base(), config)
    model.peft_config["default"].init_lora_weights = True  # as PEFT's guide has it
    model.save_pretrained(f"{init}-start")
    model.peft_config["default"].init_lora_weights = init
    model.save_pretrained(f"{init}-plain")
    model.save_pretrained(
        f"{init}-converted", path_initial_model_for_weight_conversion=f"{init}-start"
    )
    assert look(init, f"{init}-converted") == (0, "KeyError")
    assert look(f"{init}, not converted", f"{init}-plain") == (2, "yes")
END
python try.py 2> log || { cat log; exit 1; }
