#!/usr/bin/env bash
# A fresh install of DVC parses YAML in plain Python: ruamel.yaml no longer brings its C parser.
#
# Versions: dvc 3.67.1 with ruamel.yaml 0.19.1 (what pip chooses for it) and 0.18.16, Python 3.11.
#
# Expected: DVC reads dvc.yaml, dvc.lock and params.yaml with ruamel's "safe" loader, which is the
#     fast one: libyaml's, in C. So it was up to ruamel.yaml 0.18, which required ruamel.yaml.clib.
# Happens: ruamel.yaml 0.19 requires no C parser, "safe" falls back to Python without a word, and a
#     lock of 60 stages takes several times as long to read, in each command.
# Exit status: 0 if this is still so.
#
# Output seen:
#     ruamel.yaml 0.19.1: C parser False, safe loader in Python
#     ruamel.yaml 0.18.16: C parser True, safe loader in C
#     the same lock takes more than 3 times as long: True
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
export DVC_NO_ANALYTICS=1

python3 -m venv venv
source venv/bin/activate
cat > read.py <<'END'
import sys
import time

import ruamel.yaml
from dvc.utils.serialize import parse_yaml

stage = "  train{0}:\n    cmd: python train.py {0}\n    deps:\n" + "".join(
    f"    - path: data/part{n}.csv\n      md5: {n:032x}\n      size: {n}\n" for n in range(20)
)
lock = "schema: '2.0'\nstages:\n" + "".join(stage.format(n) for n in range(60))
times = []
for _ in range(5):
    start = time.process_time()
    assert len(parse_yaml(lock, "dvc.lock")["stages"]) == 60
    times.append(time.process_time() - start)
safe = ruamel.yaml.YAML(typ="safe").Parser
how = "Python" if safe is ruamel.yaml.parser.Parser else "C"
print(
    f"ruamel.yaml {ruamel.yaml.__version__}: C parser {ruamel.yaml.__with_libyaml__}, safe loader in {how}",
    file=sys.stderr,
)
print(sorted(times)[2])
END
pip install -q dvc==3.67.1 ruamel.yaml==0.19.1
python read.py > now.txt 2> now.err
pip install -q ruamel.yaml==0.18.16
python read.py > before.txt 2> before.err
cat now.err before.err
echo "the same lock takes more than 3 times as long: $(python -c 'print(float(open("now.txt").read()) > 3 * float(open("before.txt").read()))')" | tee ratio.txt
grep -q "0.19.1: C parser False, safe loader in Python" now.err
grep -q "0.18.16: C parser True, safe loader in C" before.err
grep -q "True" ratio.txt
