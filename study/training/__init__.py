"""The training loop: in goes a list of runs, out comes a list of results."""
