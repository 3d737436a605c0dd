"""Settings of published experiments, each a file of what it changes in params.yaml."""
