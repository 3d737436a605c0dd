#!/usr/bin/env bash
# DVC takes 1 and 1.0 for the same parameter, though libraries read them differently.
#
# Versions: dvc 3.67.1, scmrepo 3.6.2, Python 3.11.
#
# Expected: scikit-learn's `max_features` means one feature as 1 and all features as 1.0. Changing
#     one to the other reruns the stage.
# Happens: the stage is skipped, dvc.lock keeps 1, `dvc status` is clean, and the experiment
#     records 1.0 beside an output that was made with 1.
# Exit status: 0 if this is still so.
#
# Output seen:
#     max_features: 1 used 1 of 20
#     Stage 'train' didn't change, skipping
#     max_features: 1.0 used 1 of 20; dvc.lock has max_features: 1
#     recorded by the experiment: 1.0
#     Data and pipelines are up to date.
#     forced: max_features: 1.0 used 20 of 20
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
export DVC_NO_ANALYTICS=1

python3 -m venv venv
source venv/bin/activate
pip install -q dvc==3.67.1 scmrepo==3.6.2 pathspec==1.1.1

mkdir project && cd project
git init -q
git config user.email reader@example.com
git config user.name reader
dvc init -q
echo 'max_features: 1' > params.yaml
cat > dvc.yaml <<'END'
stages:
  train:
    cmd: python train.py
    deps: [train.py]
    params: [max_features]
    outs: [features.txt]
END
# As in scikit-learn: a whole number is a count of features, a fraction is a share of them.
cat > train.py <<'END'
from dvc.api import params_show
wanted = params_show()["max_features"]
used = wanted if isinstance(wanted, int) else round(wanted * 20)
open("features.txt", "w").write(f"{used} of 20\n")
END
dvc repro -q
git add -A
git commit -qm 'one feature'
echo "max_features: 1 used $(cat features.txt)"

dvc exp run -S max_features=1.0 --name all-features > log 2>&1
grep "Stage 'train'" log
echo "$(cat params.yaml) used $(cat features.txt); dvc.lock has $(grep -o 'max_features.*' dvc.lock)"
echo "recorded by the experiment: $(dvc exp show --csv | cut -d, -f1-9 | grep all-features | grep -o '1\.0')"
[ "$(cat params.yaml)" = "max_features: 1.0" ]
[ "$(cat features.txt)" = "1 of 20" ]
grep -q 'max_features: 1$' dvc.lock
dvc status | tee log
grep -q 'up to date' log

dvc repro -q -f
echo "forced: max_features: 1.0 used $(cat features.txt)"
[ "$(cat features.txt)" = "20 of 20" ]
