#!/usr/bin/env bash
# `dvc exp apply` fails for outputs of stages that the experiment did not run.
#
# Versions: dvc 3.67.1, git 2.39.5, Python 3.11.
#
# Expected: in a clone that ran stage `train` alone, `dvc exp run --temp TARGET` runs that stage with
#     another setting, and `dvc exp apply` brings its settings and results to the workspace.
# Happens: the experiment succeeds. Applying it ends with exit status 255, since the committed
#     dvc.lock also names an output of stage `report`, which never ran in this clone and is in no
#     cache. Settings and the stage's own output are in the workspace all the same.
# Exit status: 0 if that happens.
#
# Output seen:
#     experiment: 0
#     apply: 255
#     ERROR: Checkout failed for following targets:
#     report.txt
#     in the workspace: rate: 2, model.txt 2
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
export DVC_NO_ANALYTICS=1

python3 -m venv venv
source venv/bin/activate
pip install -q dvc==3.67.1 pathspec==1.1.1

mkdir first && cd first
git init -q
git config user.email reader@example.com
git config user.name reader
dvc init -q
echo 'rate: 1' > params.yaml
cat > dvc.yaml <<'END'
stages:
  train:
    cmd: sed 's/rate. //' params.yaml > model.txt
    params: [rate]
    outs: [model.txt]
  report:
    cmd: cp other.md report.txt
    deps: [other.md]
    outs: [report.txt]
END
echo 'A page.' > other.md
dvc repro -q
git add -A
git commit -qm 'rate 1'

cd .. && git clone -q first second && cd second
git config user.email reader@example.com
git config user.name reader
dvc repro -q train
ran=0
dvc exp run -q --temp --name faster -S rate=2 train > ../run.log 2>&1 || ran=$?
echo "experiment: $ran"
applied=0
dvc exp apply faster > ../apply.log 2>&1 || applied=$?
echo "apply: $applied"
grep -A1 'Checkout failed' ../apply.log || true
echo "in the workspace: $(cat params.yaml), model.txt $(cat model.txt)"
test "$ran" = 0 && test "$applied" != 0 && grep -q '^report.txt' ../apply.log
