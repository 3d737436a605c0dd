#!/usr/bin/env bash
# Some sequence classifiers of transformers give a sentence other logits when its batch is longer.
#
# Versions: transformers 5.23.0, torch 2.13.0, Python 3.11.
#
# Expected: with an attention mask the padding behind a sentence changes its logits by rounding alone,
#     as it does in BERT.
# Happens: in ConvBERT (convolutions over tokens), Nystromformer (a convolution over the values of
#     attention) and FNet (a Fourier transform over all tokens) the padding takes part, mask or not.
#     So what such a model says of a sentence depends on which others are in its batch.
# Exit status: 0 if this is still so.
#
# Output seen:
#     BERT: padding moves the logits by rounding
#     ConvBERT: padding moves the logits by more than 1 %
#     Nystromformer: padding moves the logits by more than 1 %
#     FNet: padding moves the logits by more than 1 %
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
export HF_HUB_OFFLINE=1

python3 -m venv venv
source venv/bin/activate
pip install -q transformers==5.23.0 torch==2.13.0

cat > try.py <<'END'
import sys

import torch
from transformers import (
    AutoModelForSequenceClassification,
    BertConfig,
    ConvBertConfig,
    FNetConfig,
    NystromformerConfig,
)

SIZES = {
    "vocab_size": 60,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "initializer_range": 0.3,
    "pad_token_id": 0,
}
MODELS = {
    "BERT": BertConfig(**SIZES),
    "ConvBERT": ConvBertConfig(embedding_size=16, **SIZES),
    "Nystromformer": NystromformerConfig(**SIZES),
    "FNet": FNetConfig(**{k: v for k, v in SIZES.items() if k != "num_attention_heads"}),
}


@torch.no_grad()
def moved(config):
    """Return how far eight tokens of padding move the logits of a sentence of eight, in shares."""
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_config(config).eval()
    ids = torch.randint(1, 60, (1, 8))
    longer = torch.nn.functional.pad(ids, (0, 8))
    mask = (torch.arange(16) < 8).long()[None]
    # FNet's forward takes no mask: there is nothing to mask in a Fourier transform.
    masks = [{}, {}] if config.model_type == "fnet" else [{"attention_mask": mask[:, :8]}, {"attention_mask": mask}]
    alone = model(ids, **masks[0]).logits
    padded = model(longer, **masks[1]).logits
    return float((padded - alone).abs().max() / alone.abs().max())


shares = {name: moved(config) for name, config in MODELS.items()}
for name, share in shares.items():
    print(f"{name}: padding moves the logits by {'rounding' if share < 1e-5 else 'more than 1 %'}")
still = shares["BERT"] < 1e-5 and all(s > 0.01 for n, s in shares.items() if n != "BERT")
sys.exit(0 if still else 1)
END
python try.py
