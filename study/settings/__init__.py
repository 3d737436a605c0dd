"""What can be set, a file for each section of params.yaml:

In comes a section, out goes a frozen object.
"""
