#!/usr/bin/env bash
# safetensors writes its metadata in another order each time, so DVC reruns what reads the file.
#
# Versions: safetensors 0.8.0, numpy 2.4.6, dvc 3.67.1, scmrepo 3.6.2, Python 3.11.
#
# Expected: the same array saved with the same metadata gives the same bytes. DVC then skips the
#     stage that reads the file.
# Happens: the order of the metadata's keys in the header differs from process to process. The file
#     has another hash each time, and the next stage runs again. One key alone has no order to vary.
# Exit status: 0 if six saves give more than one file and the next stage ran more than once.
#
# Output seen:
#     "__metadata__":{"format":"np","rank":"8","task":"x","base":"tiny","alpha":"16","seed":"0"}
#     "__metadata__":{"rank":"8","seed":"0","task":"x","alpha":"16","format":"np","base":"tiny"}
#     "__metadata__":{"seed":"0","rank":"8","task":"x","base":"tiny","format":"np","alpha":"16"}
#     "__metadata__":{"base":"tiny","format":"np","alpha":"16","rank":"8","seed":"0","task":"x"}
#     "__metadata__":{"base":"tiny","alpha":"16","seed":"0","format":"np","task":"x","rank":"8"}
#     "__metadata__":{"alpha":"16","task":"x","seed":"0","rank":"8","format":"np","base":"tiny"}
#     6 saves of one array: 6 different files; evaluate ran 6 times
#     the array: [1. 1. 1. 1.]
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
export DVC_NO_ANALYTICS=1

python3 -m venv venv
source venv/bin/activate
pip install -q dvc==3.67.1 scmrepo==3.6.2 pathspec==1.1.1 safetensors==0.8.0 numpy==2.4.6

mkdir project && cd project
git init -q
git config user.email reader@example.com
git config user.name reader
dvc init -q
cat > save.py <<'END'
import numpy as np
from safetensors.numpy import save_file
notes = {"format": "np", "base": "tiny", "rank": "8", "alpha": "16", "seed": "0", "task": "x"}
save_file({"weight": np.ones(4, np.float32)}, "adapter.safetensors", metadata=notes)
END
cat > dvc.yaml <<'END'
stages:
  train:
    cmd: python save.py
    outs: [adapter.safetensors]
  evaluate:
    cmd: echo evaluated >> ../evaluations
    deps: [adapter.safetensors]
END

runs=6
for run in $(seq $runs); do
  dvc repro -q --force --single-item train
  md5sum < adapter.safetensors >> ../sums
  head -c 400 adapter.safetensors | grep -ao '"__metadata__":{[^}]*}'
  dvc repro -q evaluate
done
different=$(sort -u ../sums | wc -l)
evaluated=$(wc -l < ../evaluations)
echo "$runs saves of one array: $different different files; evaluate ran $evaluated times"
python - <<'END'
from safetensors.numpy import load_file
print("the array:", load_file("adapter.safetensors")["weight"])
END
[ "$different" -gt 1 ]
[ "$evaluated" -gt 1 ]
