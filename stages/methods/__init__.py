"""The stages of methods/dvc.yaml."""
