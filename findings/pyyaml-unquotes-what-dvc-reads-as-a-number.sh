#!/usr/bin/env bash
# PyYAML takes the quotes off a text that DVC then reads as a number, so two revisions are the same.
#
# Versions: dvc 3.67.1, ruamel.yaml 0.18.16, PyYAML 6.0.3, Python 3.11.
#
# Expected: a script reads params.yaml with PyYAML, sets another revision of a model, and writes it
#     back. The stage that reads the revision runs again.
# Happens: for PyYAML, which reads YAML 1.1, 30e4 is a text with or without quotes, and it writes
#     none. DVC reads YAML 1.2, where it is a number, as 3e5 is: both are 300000.0, and the stage is
#     skipped. While the quotes stand, it runs.
# Exit status: 0 if this is still so.
#
# Output seen:
#     as written by hand: revision: '30e4' -> fetched 30e4
#     another one by hand: revision: '3e5' -> fetched 3e5
#     back with PyYAML: revision: 30e4 -> fetched 30e4
#     another one with PyYAML: revision: 3e5 -> fetched 30e4
#     DVC's lock: revision: 300000.0
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
export DVC_NO_ANALYTICS=1

python3 -m venv venv
source venv/bin/activate
pip install -q dvc==3.67.1 scmrepo==3.6.2 pathspec==1.1.1 ruamel.yaml==0.18.16 PyYAML==6.0.3

mkdir project && cd project
git init -q
git config user.email reader@example.com
git config user.name reader
dvc init -q
cat > dvc.yaml <<'END'
stages:
  fetch:
    cmd: python fetch.py
    deps: [fetch.py]
    params: [revision]
    outs: [model.txt]
END
cat > fetch.py <<'END'
import yaml
open("model.txt", "w").write(str(yaml.safe_load(open("params.yaml"))["revision"]))
END
cat > set_revision.py <<'END'
import sys, yaml
params = yaml.safe_load(open("params.yaml"))
params["revision"] = sys.argv[1]
yaml.safe_dump(params, open("params.yaml", "w"))
END
run() {
  dvc repro -q
  echo "$1: $(cat params.yaml) -> fetched $(cat model.txt)" | tee -a ../seen
}
echo "revision: '30e4'" > params.yaml
run 'as written by hand'
echo "revision: '3e5'" > params.yaml
run 'another one by hand'
python set_revision.py 30e4
run 'back with PyYAML'
python set_revision.py 3e5
run 'another one with PyYAML'
echo "DVC's lock: $(grep -o 'revision.*' dvc.lock)" | tee -a ../seen
diff ../seen - <<'END'
as written by hand: revision: '30e4' -> fetched 30e4
another one by hand: revision: '3e5' -> fetched 3e5
back with PyYAML: revision: 30e4 -> fetched 30e4
another one with PyYAML: revision: 3e5 -> fetched 30e4
DVC's lock: revision: 300000.0
END
