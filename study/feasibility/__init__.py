"""Whether settings fit the model and the machine:

In come settings, out goes nothing, or one clear error.
"""
