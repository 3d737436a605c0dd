"""Runs of several seeds, learning rates and ranks in one pass: what `benchmarks.gpu` measures."""
