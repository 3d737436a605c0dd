"""Where models and data lie:

In comes a name from the settings, out goes a hub id or a local path.
"""
