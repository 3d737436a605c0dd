#!/usr/bin/env bash
# transformers takes a GGUF's weights from the current folder, though a model's folder is named.
#
# Versions: transformers 5.23.0, gguf 0.19.0, accelerate 1.15.0, torch 2.13.0, Python 3.11.
#
# Expected: `from_pretrained("chosen", gguf_file="model.gguf")` reads chosen/model.gguf, from wherever
#     it is called.
# Happens: where the current folder has a model.gguf too, its weights are loaded, with the config of
#     chosen/model.gguf and without a word: a model that stands in neither file.
# Exit status: 0 if this is still so.
#
# Output seen:
#     from a folder without a model.gguf:      weights 1.0 | rms_norm_eps 0.125
#     from a folder with another model.gguf:   weights 2.0 | rms_norm_eps 0.125
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
export HF_HUB_OFFLINE=1

python3 -m venv venv
source venv/bin/activate
pip install -q transformers==5.23.0 gguf==0.19.0 accelerate==1.15.0 torch==2.13.0

mkdir chosen elsewhere
cat > make.py <<'END'
import numpy as np
from gguf import GGUFWriter


def write(path, value, eps):
    """A Llama of one layer. All its weights are `value`."""
    out = GGUFWriter(path, "llama")
    out.add_block_count(1)
    out.add_context_length(16)
    out.add_embedding_length(8)
    out.add_feed_forward_length(16)
    out.add_head_count(2)
    out.add_head_count_kv(2)
    out.add_layer_norm_rms_eps(eps)
    out.add_rope_freq_base(10000.0)
    out.add_rope_dimension_count(4)
    out.add_vocab_size(10)
    shapes = {"token_embd": (10, 8), "output": (10, 8), "output_norm": (8,)}
    shapes |= {"blk.0.attn_norm": (8,), "blk.0.ffn_norm": (8,)}
    shapes |= {f"blk.0.attn_{name}": (8, 8) for name in ("q", "k", "v", "output")}
    shapes |= {"blk.0.ffn_gate": (16, 8), "blk.0.ffn_up": (16, 8), "blk.0.ffn_down": (8, 16)}
    for name, shape in shapes.items():
        out.add_tensor(f"{name}.weight", np.full(shape, value, np.float32))
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


write("chosen/model.gguf", 1.0, 0.125)
write("elsewhere/model.gguf", 2.0, 0.25)
END
cat > load.py <<'END'
import sys
from transformers import AutoModelForCausalLM

model = AutoModelForCausalLM.from_pretrained(sys.argv[1], gguf_file="model.gguf")
weights = {value for p in model.parameters() for value in p.detach().unique().tolist()}
print("weights", *sorted(weights), "| rms_norm_eps", model.config.rms_norm_eps)
END
python make.py

load() {
  (cd "$1" && python "$place/load.py" "$place/chosen" 2> "$place/log") || { cat log; exit 1; }
}
here=$(load .)
there=$(load elsewhere)
echo "from a folder without a model.gguf:      $here"
echo "from a folder with another model.gguf:   $there"
[ "$here" = "weights 1.0 | rms_norm_eps 0.125" ]
[ "$there" = "weights 2.0 | rms_norm_eps 0.125" ]
