#!/usr/bin/env bash
# `dvc artifacts get` does not see a version that a lightweight tag names.
#
# Versions: dvc 3.67.1, gto 1.10.1, git 2.39.5, Python 3.11.
#
# Expected: `git tag model@v1.0.0` registers version v1.0.0 of artifact `model` of dvc.yaml, since a
#     version is a tag NAME@VERSION; `dvc artifacts get . model` then takes the file.
# Happens: it says that no artifact of that name can be found, although dvc.yaml has one and the tag
#     is there. The same tag made with --annotate is found. Nothing says that the kind of tag is why.
# Exit status: 0 if that happens.
#
# Output seen:
#     lightweight: 1
#     ERROR: failed to get 'model' from '.' - Failed to download artifact 'model' via DVC remote: Unable to find artifact 'model'
#     annotated: 0, weights
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
export DVC_NO_ANALYTICS=1

python3 -m venv venv
source venv/bin/activate
pip install -q dvc==3.67.1 gto==1.10.1 pathspec==1.1.1

mkdir study && cd study
git init -q
git config user.email reader@example.com
git config user.name reader
dvc init -q
cat > dvc.yaml <<'END'
stages:
  train:
    cmd: echo weights > model.txt
    outs: [model.txt]
artifacts:
  model: {path: model.txt, type: model}
END
dvc repro -q
git add -A
git commit -qm 'A model'

git tag model@v1.0.0
light=0
dvc artifacts get . model -o light.txt > ../light.log 2>&1 || light=$?
echo "lightweight: $light"
grep "failed to get" ../light.log
git tag -d model@v1.0.0 > ../tag.log
git tag --annotate model@v1.0.0 --message 'The same commit'
dvc artifacts get -q . model -o annotated.txt
echo "annotated: $?, $(cat annotated.txt)"

test "$light" -ne 0
grep -q "Unable to find artifact 'model'" ../light.log
test "$(cat annotated.txt)" = weights
