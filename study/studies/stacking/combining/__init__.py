"""Two tasks' adapters in one model:

In come both, out goes which sentence each combination gets right.
"""
