"""How a stage starts:

In comes a command line and params.yaml, out go typed settings, or one clear error.
"""
