#!/usr/bin/env bash
# Of a folder with CSV and JSON Lines files datasets reads one format and says nothing of the other.
#
# Versions: datasets 5.2.0, pandas 3.1.1, Python 3.11.
#
# Expected: `load_dataset("folder")` reads all three files, which have the same columns, or says that
#     it cannot read some of them.
# Happens: it takes the format that most files have and leaves the others out, without a word: rows
#     are missing from what one trains on, and a file more can swap which.
# Exit status: 0 if this is still so.
#
# Output seen:
#     three files, three rows: ['from lines', 'from more lines']
#     two CSV files more, five: ['a second table', 'a third table', 'from a table']
#     said of it: nothing
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
export HF_HUB_OFFLINE=1 HF_HOME="$place/home" HF_DATASETS_DISABLE_PROGRESS_BARS=1

python3 -m venv venv
source venv/bin/activate
pip install -q datasets==5.2.0 pandas==3.1.1

mkdir folder
printf 'text,label\nfrom a table,0\n' > folder/a.csv
printf '{"text": "from lines", "label": 1}\n' > folder/b.jsonl
printf '{"text": "from more lines", "label": 1}\n' > folder/c.jsonl
cat > load.py <<'END'
import datasets

print(sorted(datasets.load_dataset("folder", split="train")["text"]))
END
three=$(python load.py 2> three.err)
printf 'text,label\na second table,0\n' > folder/d.csv
printf 'text,label\na third table,0\n' > folder/e.csv
five=$(python load.py 2> five.err)
echo "three files, three rows: $three"
echo "two CSV files more, five: $five"
said=$(grep -ciE "csv|json|format|ignor|skip" three.err five.err | awk -F: '{n += $2} END {print n}' || true)
echo "said of it: $([ "$said" = 0 ] && echo nothing || cat three.err five.err)"
test "$three" = "['from lines', 'from more lines']"
test "$five" = "['a second table', 'a third table', 'from a table']"
test "$said" = 0
