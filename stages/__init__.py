"""One file per DVC stage: read params and inputs, call `study`, write outputs."""
