"""The proof that what this study measures is what transformers computes, family by family.

`python -m checks.families` makes a small random model of every family of the installed transformers
that can be a classifier or a causal language model, and compares the study's pass with the
model's own.
"""
