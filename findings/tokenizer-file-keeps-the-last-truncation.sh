#!/usr/bin/env bash
# A tokenizer saved after a truncating call cuts texts when tokenizers loads the file.
#
# Versions: transformers 5.23.0, tokenizers 0.23.3, Python 3.11.
#
# Expected: `truncation=True, max_length=4` counts for that one call. What `save_pretrained` writes
#     does not depend on the last call.
# Happens: tokenizer.json holds the truncation of the last call. `from_pretrained` still gives all 12
#     tokens, but `tokenizers.Tokenizer.from_file` gives 4 of the same text. A call without
#     truncation before saving clears it.
# Exit status: 0 if this is still so.
#
# Output seen:
#     before | truncation: None | transformers, tokenizers: 12 12
#     after | truncation: 4 | transformers, tokenizers: 12 4
#     third | truncation: None | transformers, tokenizers: 12 12
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
export HF_HUB_OFFLINE=1

python3 -m venv venv
source venv/bin/activate
pip install -q transformers==5.23.0 tokenizers==0.23.3

cat > try.py <<'END'
import json
from pathlib import Path

from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

words = {"[UNK]": 0, "[PAD]": 1} | {f"w{i}": i + 2 for i in range(12)}
backend = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
backend.pre_tokenizer = pre_tokenizers.Whitespace()
tokenizer = PreTrainedTokenizerFast(
    tokenizer_object=backend, unk_token="[UNK]", pad_token="[PAD]"
)
text = " ".join(f"w{i}" for i in range(12))


def saved(folder):
    tokenizer.save_pretrained(folder)
    path = Path(folder, "tokenizer.json")
    cut = json.loads(path.read_text())["truncation"]
    again = PreTrainedTokenizerFast.from_pretrained(folder)
    lengths = len(again(text).input_ids), len(Tokenizer.from_file(str(path)).encode(text).ids)
    print(folder, "| truncation:", cut and cut["max_length"], "| transformers, tokenizers:", *lengths)
    return lengths


before = saved("before")
tokenizer(["w1"], truncation=True, max_length=4)
after = saved("after")
tokenizer(["w1"])
third = saved("third")
assert before == (12, 12) and after == (12, 4) and third == (12, 12), (before, after, third)
END
python try.py 2> log || { cat log; exit 1; }
