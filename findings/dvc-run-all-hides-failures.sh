#!/usr/bin/env bash
# `dvc exp run --run-all` exits with 0 though every queued experiment failed.
#
# Versions: dvc 3.67.1, scmrepo 3.6.2, dvc-task 0.40.2, Python 3.11.
#
# Expected: the exit status is not 0, as for the same experiment without the queue.
# Happens: it prints that the experiment failed and exits with 0, so `set -e` and CI go on. Only
#     `dvc queue status` tells.
# Exit status: 0 if this is still so.
#
# Output seen:
#     exp run --temp:    exit status 255
#     exp run --run-all: exit status 0
#     ERROR: failed to reproduce 'train': failed to run: python train.py, exited with 1
#     Failed to reproduce experiment(s) 'zero'
#     queue status: zero Failed
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
export DVC_NO_ANALYTICS=1

python3 -m venv venv
source venv/bin/activate
pip install -q dvc==3.67.1 scmrepo==3.6.2 dvc-task==0.40.2 pathspec==1.1.1

mkdir project && cd project
git init -q
git config user.email reader@example.com
git config user.name reader
dvc init -q
echo 'rank: 8' > params.yaml
cat > dvc.yaml <<'END'
stages:
  train:
    cmd: python train.py
    deps: [train.py]
    params: [rank]
    outs: [model.txt]
END
cat > train.py <<'END'
from dvc.api import params_show
rank = params_show()["rank"]
if rank == 0:
    raise SystemExit("rank must be positive")
open("model.txt", "w").write(str(rank))
END
dvc repro -q
git add -A
git commit -qm 'rank 8'

direct=0
dvc exp run -q --temp -S rank=0 > log 2>&1 || direct=$?
echo "exp run --temp:    exit status $direct"

dvc exp run -q --queue -S rank=0 --name zero > log 2>&1
queued=0
dvc exp run --run-all > log 2>&1 || queued=$?
echo "exp run --run-all: exit status $queued"
grep 'ERROR: failed to reproduce' log | sort -u
dvc queue status > status
tail -n 1 log
grep zero status | awk '{print "queue status:", $2, $NF}'

[ $direct != 0 ]
[ $queued = 0 ]
grep -q 'zero .*Failed' status
