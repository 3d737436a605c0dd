"""Counted operations: in come a model's shapes and lengths, out go multiply-adds."""
