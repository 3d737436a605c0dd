"""Transformers that read packed batches:

In comes a pretrained model, out come logits and losses, one a run.
"""
