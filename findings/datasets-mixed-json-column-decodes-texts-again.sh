#!/usr/bin/env bash
# A JSON Lines column that mixes texts and numbers comes back with its texts decoded once more.
#
# Versions: datasets 5.2.0, pyarrow 26.0.1, Python 3.11.
#
# Expected: Dataset.from_json gives every value as the file has it, or refuses a column of two types.
# Happens: the column gets the feature Json(decode=True). The numbers come back as they are; each
#     text is parsed as JSON where that works: "007" and "1e3" are gone for 7 and 1000.0, "true" for
#     True, "[1]" for a list. A column of texts alone keeps all of them.
# Exit status: 0 if that happens.
#
# Output seen:
#     texts alone: ['007', '1e3', 'true', '[1]', 'plain']
#     one number: ['7', '1000.0', 'True', '[1]', "'plain'", '5']
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"

python3 -m venv venv
source venv/bin/activate
pip install -q datasets==5.2.0 pyarrow==26.0.1

printf '{"text": "%s"}\n' 007 1e3 true '[1]' plain > alone.jsonl
cp alone.jsonl mixed.jsonl
echo '{"text": 5}' >> mixed.jsonl

export HF_HUB_OFFLINE=1 HF_DATASETS_DISABLE_PROGRESS_BARS=1
python - > seen.txt <<'END'
from datasets import Dataset

alone = Dataset.from_json("alone.jsonl", cache_dir="one")["text"]
print("texts alone:", list(alone))
mixed = Dataset.from_json("mixed.jsonl", cache_dir="two")["text"]
print("one number:", [repr(value) for value in mixed])
END
cat seen.txt
grep -qF "texts alone: ['007', '1e3', 'true', '[1]', 'plain']" seen.txt
grep -qF "one number: ['7', '1000.0', 'True', '[1]', \"'plain'\", '5']" seen.txt
