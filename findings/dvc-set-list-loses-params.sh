#!/usr/bin/env bash
# After `-S` has set a list, DVC refuses to empty it: its own layout of params.yaml breaks the file.
#
# Versions: dvc 3.67.1, scmrepo 3.6.2, ruamel.yaml 0.18.16, Python 3.11.
#
# Expected: `dvc exp run -S 'folds=[1]'` and then `-S 'folds=[]'` set the list, and then empty it.
#     Nothing else in params.yaml changes.
# Happens: setting the list moves the comment that stands before the next section to between the
#     key and its items. Emptying it then puts the next section's first two keys on one line. DVC
#     reads what it wrote, calls params.yaml corrupted, and the experiment fails. A list that is
#     followed at once by another key, with no blank line and no comment, is emptied without harm.
# Exit status: 0 if this is still so.
#
# Output seen:
#     after -S 'folds=[1]':
#     folds:        # held out
#
#     # The model
#     - 1
#     model:
#       depth: 3 # layers
#     ERROR: unable to read: 'params.yaml', YAML file structure is corrupted: mapping values are not allowed in this context
#     followed by a key at once: folds:   []
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
export DVC_NO_ANALYTICS=1

python3 -m venv venv
source venv/bin/activate
pip install -q dvc==3.67.1 scmrepo==3.6.2 pathspec==1.1.1 ruamel.yaml==0.18.16

project() {
    mkdir "$1" && cd "$1"
    git init -q
    git config user.email reader@example.com
    git config user.name reader
    dvc init -q
    cat > params.yaml
    printf 'stages:\n  train:\n    cmd: cat params.yaml > used.txt\n    params: [folds]\n    outs: [used.txt]\n' > dvc.yaml
    git add -A
    git commit -qm start
}

project apart <<'END_OF_PARAMS'
folds: [1, 2] # held out

# The model
model:
  depth: 3 # layers
END_OF_PARAMS
dvc exp run -S 'folds=[1]' > log 2>&1
echo "after -S 'folds=[1]':"
cat params.yaml
grep -A3 '^folds:' params.yaml | grep -q '^# The model'
if dvc exp run -S 'folds=[]' > log 2>&1; then exit 1; fi
grep 'YAML file structure is corrupted' log

cd ..
project together <<'END_OF_PARAMS'
folds: [1, 2] # held out
depth: 3 # layers
END_OF_PARAMS
dvc exp run -S 'folds=[1]' > log 2>&1
dvc exp run -S 'folds=[]' > log 2>&1
echo "followed by a key at once: $(grep -o '^folds: *\[\]' params.yaml)"
