#!/usr/bin/env bash
# `dvc metrics show` and `diff` leave lists out silently and subtract booleans.
#
# Versions: dvc 3.67.1, scmrepo 3.6.2, Python 3.11.
#
# Expected: an accuracy by class that falls from 0.8 to 0.1 shows in `dvc metrics diff`, or a message
#     says that lists are not compared. A flag that turns false has no numeric difference.
# Happens: the list is in neither `show` nor `diff`, and nothing says so; `--md` prints a table
#     without rows. The flag's difference is -1.
# Exit status: 0 if this is still so.
#
# Output seen:
#     show:
#     {"": {"data": {"metrics.json": {"data": {"loss": 0.3, "converged": true}}}}}
#     diff after accuracy_by_class [0.9, 0.8] -> [0.9, 0.1]:
#     {}
#     | Path   | Metric   | HEAD   | workspace   | Change   |
#     |--------|----------|--------|-------------|----------|
#
#     diff after converged true -> false:
#     {"metrics.json": {"converged": {"old": true, "new": false, "diff": -1}}}
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
echo 'metrics: [metrics.json]' > dvc.yaml
echo '{"loss": 0.3, "accuracy_by_class": [0.9, 0.8], "converged": true}' > metrics.json
git add -A
git commit -qm one

echo "show:"
dvc metrics show --json | tee show.txt
echo '{"loss": 0.3, "accuracy_by_class": [0.9, 0.1], "converged": true}' > metrics.json
echo "diff after accuracy_by_class [0.9, 0.8] -> [0.9, 0.1]:"
dvc metrics diff --json | tee list.txt
dvc metrics diff --md | tee table.txt
echo '{"loss": 0.3, "accuracy_by_class": [0.9, 0.1], "converged": false}' > metrics.json
echo "diff after converged true -> false:"
dvc metrics diff --json | tee bool.txt

! grep -q accuracy_by_class show.txt
[ "$(cat list.txt)" = "{}" ]
[ "$(grep -c '|' table.txt)" = 2 ]
[ "$(cat bool.txt)" = '{"metrics.json": {"converged": {"old": true, "new": false, "diff": -1}}}' ]
