"""One file per DVC stage: read params and inputs, call `study`, write outputs."""

from study import process

process.prepare()  # before any stage loads torch
