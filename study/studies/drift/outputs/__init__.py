"""What every tuned model gives for general text:

In come text and weights, out go logits and distances.
"""
