"""One file per DVC stage: read params and inputs, call `study`, write outputs."""

import os

# A thread that waits for its neighbour spins at first, by default for milliseconds: on a machine
# that others use too, where the neighbour may not be running, steps then took over ten times as
# long. A short spin costs nothing on a quiet machine. Read when torch loads OpenMP, so set here,
# before any stage imports it.
os.environ.setdefault("GOMP_SPINCOUNT", "20000")
