"""Tuned models put together again:

In come saved adapters, heads and weights, out come outputs for sentences.
"""
