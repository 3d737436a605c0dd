"""Intervals over seeds and sentences:

In come scores by seed and sentence, out go means, intervals and resamples.
"""
