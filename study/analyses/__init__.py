"""Numbers from finished runs:

In come records, logits and weights, out goes one record an analysis.
"""
