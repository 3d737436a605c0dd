"""One file per DVC stage: read params and inputs, call `study`, write outputs."""

from study.entry import process

process.prepare()  # before any stage loads torch
