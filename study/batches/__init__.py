"""Sentences laid end to end:

In come tokenised splits and seeds, out come packed batches, one row a run.
"""
