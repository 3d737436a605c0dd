#!/usr/bin/env bash
# After a failed `dvc exp run`, git may not see that params.yaml is changed.
#
# Versions: dvc 3.67.1, scmrepo 3.6.2, pygit2 1.21.0, dulwich 1.2.21, git 2.39.5, Python 3.11.
#
# Expected: `dvc exp run -S rate=0` fails in its stage and leaves `rate: 0` in params.yaml. `git
#     status` shows the change, and `git checkout .` brings `rate: 4` back.
# Happens: in some of the tries `git status` is clean and `git checkout .` restores nothing, so that
#     the refused value stays for the next run. The new text is as long as the old one here. It hangs
#     on the moment at which DVC writes, hence 20 tries. `touch params.yaml` before `git checkout .`
#     helped in every try.
# Exit status: 0 if it happened at least once in 20 tries.
#
# Output seen:
#     params.yaml: rate: 0; committed: rate: 4
#     git status: 0 changes
#     dvc params diff:
#     Path         Param    HEAD    workspace
#     params.yaml  rate     4       0
#     hidden from git in 11 of 20 tries
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
export DVC_NO_ANALYTICS=1

python3 -m venv venv
source venv/bin/activate
pip install -q dvc==3.67.1 scmrepo==3.6.2 pygit2==1.21.0 dulwich==1.2.21 pathspec==1.1.1

mkdir project && cd project
git init -q
git config user.email reader@example.com
git config user.name reader
dvc init -q
echo 'rate: 4' > params.yaml
cat > dvc.yaml <<'END'
stages:
  train:
    cmd: python train.py
    deps: [train.py]
    params: [rate]
    outs: [model.txt]
END
cat > train.py <<'END'
import re, sys
rate = int(re.search(r"rate: (\d+)", open("params.yaml").read())[1])
if rate == 0:
    sys.exit("rate must be positive")
open("model.txt", "w").write(str(rate))
END
dvc repro -q
git add -A
git commit -qm 'rate 4'

tries=20
hidden=0
for try in $(seq $tries); do
  if dvc exp run -q -S rate=0 > log 2>&1; then
    echo "the experiment did not fail"; exit 1
  fi
  rm log
  if [ "$(cat params.yaml)" = "rate: 0" ] && [ -z "$(git status --porcelain)" ]; then
    git checkout -q .
    # Counted only if `git checkout .` brought nothing back.
    if [ "$(cat params.yaml)" = "rate: 0" ]; then hidden=$((hidden + 1)); fi
    if [ $hidden = 1 ]; then
      echo "params.yaml: $(cat params.yaml); committed: $(git show HEAD:params.yaml)"
      echo "git status: $(git status --porcelain | wc -l) changes"
      echo "dvc params diff:"
      dvc params diff
    fi
  fi
  # `touch` makes git look at the text again.
  touch params.yaml
  git checkout -q .
  [ "$(cat params.yaml)" = "rate: 4" ] || { echo "touch did not help"; exit 1; }
done
echo "hidden from git in $hidden of $tries tries"
[ $hidden -ge 1 ]
